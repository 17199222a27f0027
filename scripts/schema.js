// Writes the JSON Schema of homeostat.yaml from the schema in the code, for editors and charts.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./build.js');

const { configJsonSchema } = require('../dist/model/config.js');

/** One JSON document a file, as editors and helm read it. */
function write(file, document) {
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(file, `${JSON.stringify(document, undefined, 2)}\n`);
}

const schema = configJsonSchema();
write(path.join(root, 'docs', 'schema', 'homeostat.schema.json'), schema);

// The chart takes the whole configuration as its value `config`.
const values = path.join(root, 'deploy', 'chart', 'values.schema.json');
const chart = JSON.parse(fs.readFileSync(values, 'utf8'));
const { $schema: _, ...config } = schema;
chart.properties.config = config;
write(values, chart);
