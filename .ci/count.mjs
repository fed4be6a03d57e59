// Prints "passed failed" of a jest run: node .ci/count.mjs <file of --outputFile> <jest's exit code>
import { existsSync, readFileSync } from 'node:fs';

const [file, exitCode] = process.argv.slice(2);
const run = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {};
const passed = run.numPassedTests ?? 0;
// A suite that can't be loaded has no tests; a run may fail without any (no tests found, a broken installation).
const failed = (run.numFailedTests ?? 0) + (run.numRuntimeErrorTestSuites ?? 0);
const nothingRan = passed + failed === 0;
console.log(passed, failed || (nothingRan || exitCode !== '0' ? 1 : 0));
