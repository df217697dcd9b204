/**
 * The WHERE of a list, built from what was asked for, so that Postgres plans for that and not for
 * every filter that there could be.
 */
export class Conditions {
  readonly values: unknown[] = [];
  readonly #parts: string[] = [];

  /** Adds a condition with a `$` for each value; nothing where a value is null or undefined. */
  add(condition: string, ...values: unknown[]): this {
    if (values.some((value) => value == null)) return this;
    let next = 0;
    this.#parts.push(condition.replace(/\$/g, () => this.mark(values[next++])));
    return this;
  }

  /** Takes one more value and returns its mark, such as `$3`. */
  mark(value: unknown): string {
    return `$${this.values.push(value)}`;
  }

  get sql(): string {
    return this.#parts.length === 0 ? '' : `where ${this.#parts.join(' and ')}`;
  }
}
