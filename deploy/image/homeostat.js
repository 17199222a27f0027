// Runs the CLI from the image, where everything is compiled already.
'use strict';
require('../dist/client/cli/main.js').main(process.argv);
