// The product's worker, which kills itself with SIGKILL at a chosen moment of a chosen activity, once.
'use strict';
const fs = require('node:fs');
const { loadConfig } = require('../../dist/client/config');
const { runWorker } = require('../../dist/worker');

/** CRASH_AT: {"activity": "makeChange", "kind": "drain"?, "moment": "before" | "during" | "after", "marker": "<file>"} */
const crash = JSON.parse(process.env.CRASH_AT ?? '{}');

/** Dies only once: the marker outlives the process. */
function die() {
  fs.writeFileSync(crash.marker, crash.moment, { flag: 'wx' });
  process.kill(process.pid, 'SIGKILL');
}

const crashing = (context) => ({
  inbound: {
    async execute(input, next) {
      const ofKind = crash.kind === undefined || input.args[0]?.kind === crash.kind;
      const chosen = context.info.activityType === crash.activity && ofKind;
      if (!chosen || fs.existsSync(crash.marker)) return next(input);
      if (crash.moment === 'before') die();
      // Long enough for a request to be on its way, too short for an answer to be reported.
      if (crash.moment === 'during') setTimeout(die, 12);
      const result = await next(input);
      // The effect is there, and Temporal does not know yet.
      die();
      return result;
    },
  },
});

const { config } = loadConfig({ file: process.argv[2] });
runWorker(config, { interceptors: { activity: [crashing] } }).catch((error) => {
  console.error(error);
  process.exit(1);
});
