// Writes docs/runbooks/README.md, the index of the runbooks, from their registry.
'use strict';
const fs = require('node:fs');
const path = require('node:path');
const { root } = require('./build.js');

const { runbooksIndex } = require('../dist/client/procedures/runbooks-index.js');

fs.writeFileSync(path.join(root, 'docs', 'runbooks', 'README.md'), runbooksIndex());
