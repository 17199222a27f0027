// Records histories for the replay test:
//   node scripts/record-histories.js --name PLATFORM LABEL=WORKFLOW_ID …
// writes test/histories/<workflow type>/<version>-<label>.json.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { parseArgs } = require('node:util');
const { Client, Connection } = require('@temporalio/client');
const { historyToJSON } = require('@temporalio/common/lib/proto-utils');
const { prepare, root } = require('./build.js');

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { name: { type: 'string', default: 'default' } },
  });
  prepare();
  const { readPlatform } = require('../dist/client/platform');
  const platform = readPlatform(values.name);
  if (!platform) throw new Error(`there is no platform "${values.name}": run homeostat up`);
  const connection = await Connection.connect({ address: platform.temporal.address });
  const client = new Client({ connection, namespace: platform.temporal.namespace });
  const { version } = require('../package.json');
  for (const argument of positionals) {
    const [label, ...id] = argument.split('=');
    const handle = client.workflow.getHandle(id.join('='));
    const { type } = await handle.describe();
    const file = path.join(root, 'test', 'histories', type, `${version}-${label}.json`);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(
      file,
      `${JSON.stringify(JSON.parse(historyToJSON(await handle.fetchHistory())))}\n`,
    );
    process.stderr.write(`recorded ${path.relative(root, file)}\n`);
  }
  await connection.close();
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
