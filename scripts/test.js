// Runs the suites: `npm test`, `npm test -- unit`, `npm test -- workflow -t heal`. The last line is the sum of all.
'use strict';
const { spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const { prepare, root } = require('./build.js');

/** The lab's tests share one platform, so they go one at a time, after everything else. */
const rounds = [
  { projects: ['unit', 'workflow'], workers: 2 },
  // Once more with every workflow replayed from its history at each task: it finds what is not deterministic.
  { projects: ['workflow'], workers: 2, env: { HOMEOSTAT_TEST_CACHED_WORKFLOWS: '0' } },
  { projects: ['lab'], workers: 1 },
];

function main() {
  const { wanted, jestArguments } = parse(process.argv.slice(2));
  const total = { passed: 0, failed: 0, skipped: 0 };
  try {
    prepare();
    for (const { projects, workers, env } of rounds) {
      const chosen = projects.filter((name) => wanted.includes(name));
      if (chosen.length > 0) add(total, runJest(chosen, workers, jestArguments, env));
    }
  } catch (error) {
    process.stderr.write(`homeostat: the tests could not run: ${error.message}\n`);
    total.failed += 1;
  }
  const ran = total.passed + total.failed + total.skipped > 0;
  if (!ran) process.stderr.write('homeostat: no test was found\n');
  process.stdout.write(
    `${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped\n`,
  );
  process.exitCode = ran && total.failed === 0 ? 0 : 1;
}

/** Names of suites choose them; everything else is Jest's. */
function parse(args) {
  const suites = [...new Set(rounds.flatMap(({ projects }) => projects))];
  const named = suites.filter((name) => args.includes(name));
  return {
    wanted: named.length > 0 ? named : suites,
    jestArguments: args.filter((argument) => !suites.includes(argument)),
  };
}

function runJest(projects, workers, jestArguments, env) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'homeostat-test-'));
  try {
    const outputFile = path.join(folder, 'results.json');
    const { status } = spawnSync(
      process.execPath,
      [
        path.join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
        ...['--selectProjects', ...projects],
        ...['--maxWorkers', String(workers), '--passWithNoTests'],
        ...['--json', '--outputFile', outputFile],
        ...jestArguments,
      ],
      // Jest writes the results as JSON on stdout too, which nobody wants to read; people read stderr.
      { cwd: root, stdio: ['ignore', 'ignore', 'inherit'], env: { ...process.env, ...env } },
    );
    return countsOf(outputFile, status);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A suite that could not be loaded counts as one failure, and so does Jest failing for any other reason. */
function countsOf(outputFile, status) {
  const results = fs.existsSync(outputFile) ? JSON.parse(fs.readFileSync(outputFile, 'utf8')) : {};
  const count = (name) => results[name] ?? 0;
  const failed = count('numFailedTests') + count('numRuntimeErrorTestSuites');
  return {
    passed: count('numPassedTests'),
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: count('numPendingTests') + count('numTodoTests'),
  };
}

function add(total, counts) {
  for (const key of Object.keys(total)) total[key] += counts[key];
}

main();
