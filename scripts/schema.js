// Writes the JSON Schema of homeostat.yaml from the schema in the code, for editors and charts.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./build.js');

const { configJsonSchema } = require('../dist/model/config.js');

const file = path.join(root, 'docs', 'schema', 'homeostat.schema.json');
fs.mkdirSync(path.dirname(file), { recursive: true });
fs.writeFileSync(file, `${JSON.stringify(configJsonSchema(), undefined, 2)}\n`);
