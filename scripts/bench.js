// npm run bench [-- -o json] [--short]: speed and size on the local platform, ratios within one run.
'use strict';
const { parseArgs } = require('node:util');
const { prepare } = require('./build.js');

async function main() {
  const { values } = parseArgs({
    options: {
      output: { type: 'string', short: 'o', default: 'table' },
      short: { type: 'boolean', default: false },
    },
  });
  if (!['table', 'json'].includes(values.output)) {
    process.stderr.write(`bench: --output "${values.output}": choose table or json\n`);
    process.exit(2);
  }
  prepare();
  const { runBench, tableOf } = require('../test/bench/bench.js');
  const report = await runBench({ short: values.short });
  process.stdout.write(
    values.output === 'json' ? `${JSON.stringify(report, undefined, 2)}\n` : tableOf(report),
  );
  process.exitCode = report.results.every(({ ok }) => ok) ? 0 : 1;
}

main().catch((error) => {
  process.stderr.write(`bench: ${error.stack}\n`);
  process.exit(1);
});
