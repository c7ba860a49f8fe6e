// Prints, as the very last line, the one that scripts read: `N passed, N failed` (and `, N skipped` where there are any).
export default class ClosingLineReporter {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests > 0 ? `, ${results.numPendingTests} skipped` : '';
    process.once('exit', () => process.stdout.write(`${results.numPassedTests} passed, ${failed} failed${skipped}\n`));
  }
}
