/** What a command of `holdfast` is made of. */
export interface Command {
  /** One line for the list of commands. */
  about: string;
  /** All that `--help` prints. */
  help: string;
  /** Runs with the arguments after the command's words; answers the exit code. */
  run(args: string[]): Promise<number>;
}

/** Arguments that do not fit: the message, then where help is; exit code 2. */
export class UsageFault extends Error {
  override readonly name = 'UsageFault';
}
