/** Ends the run's output with `N passed, N failed`, for CI that reads no runner's own summary. */
import type { Reporter, TestModule } from 'vitest/node';

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, errors: ReadonlyArray<unknown>): void {
    let passed = 0;
    // What broke outside a test (a hook, an import, a stray rejection) failed as well.
    let failed = errors.length;
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      const broken = tests.filter((test) => test.result().state === 'failed').length;
      passed += tests.filter((test) => test.result().state === 'passed').length;
      failed += broken === 0 && module.state() === 'failed' ? 1 : broken;
    }
    // Last of all: what ends the run may still have something to say.
    process.once('exit', () => process.stdout.write(`\n${passed} passed, ${failed} failed\n`));
  }
}
