// Alert intake with durable incidents: the rate and its share of a bare server's, and a storm.
'use strict';
const { fork } = require('node:child_process');
const { once } = require('node:events');
const { readFileSync } = require('node:fs');
const http = require('node:http');
const path = require('node:path');
const { setTimeout: sleep } = require('node:timers/promises');
const { quantile } = require('simple-statistics');
const { holdPart, readPlatform } = require('../../dist/client/platform');

const concurrencies = [1, 2, 4, 8, 16, 32];
const slowest = 100;

/** One alert each, every one a new episode on one of a thousand targets. */
async function measureIntake(platform, secondsEach) {
  // What is measured is the intake: nothing of the healings themselves.
  await holdPart('worker', platform.name);
  const { url, token } = platform.gateway;
  await load({ url, token, concurrency: 4, seconds: 2 });
  const rounds = [];
  for (const concurrency of concurrencies) {
    rounds.push(await load({ url, token, concurrency, seconds: secondsEach }));
  }
  const fast = rounds.filter(({ p95 }) => p95 <= slowest);
  const best = (fast.length > 0 ? fast : rounds).reduce((a, b) => (b.rate > a.rate ? b : a));
  const bare = await measureBare(best.concurrency, secondsEach);
  return { ...best, share: best.rate / bare.rate, bareRate: bare.rate };
}

async function measureBare(concurrency, seconds) {
  const server = fork(path.join(__dirname, 'bare-server.js'));
  try {
    const [{ url }] = await once(server, 'message');
    await load({ url, token: '', concurrency: 4, seconds: 2 });
    return await load({ url, token: '', concurrency, seconds });
  } finally {
    server.disconnect();
  }
}

let episode = Date.parse('2026-01-01T00:00:00Z');

function alert(target, startsAt) {
  return {
    status: 'firing',
    labels: {
      alertname: 'KubePodCrashLooping',
      namespace: 'bench',
      deployment: `storm-${target}`,
      severity: 'warning',
    },
    annotations: { summary: 'Pod is crash looping.', runbook_url: 'http://runbooks/crash-loop' },
    startsAt: new Date(startsAt).toISOString(),
    endsAt: '0001-01-01T00:00:00Z',
    generatorURL: 'http://prometheus/graph?g0.expr=up',
    fingerprint: `${target}`.padStart(16, '0'),
  };
}

const notification = (alerts) =>
  JSON.stringify({ version: '4', status: 'firing', receiver: 'homeostat', alerts });

/** Posts as fast as answers come, from so many senders. */
async function load({ url, token, concurrency, seconds }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: concurrency });
  const took = [];
  const begun = Date.now();
  const until = begun + seconds * 1_000;
  const sender = async () => {
    while (Date.now() < until) {
      episode += 1_000;
      const body = notification([alert((episode / 1_000) % 1_000, episode)]);
      const at = performance.now();
      const status = await post(agent, url, token, body);
      if (status !== 200) throw new Error(`the hook answered ${status}`);
      took.push(performance.now() - at);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, sender));
  agent.destroy();
  const rate = took.length / ((Date.now() - begun) / 1_000);
  return { concurrency, rate, p95: quantile(took, 0.95), samples: took.length };
}

function post(agent, url, token, body) {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    http
      .request(`${url}/hooks/alertmanager`, { agent, method: 'POST', headers }, (response) => {
        response.resume();
        response.on('end', () => resolve(response.statusCode));
      })
      .on('error', reject)
      .end(body);
  });
}

/** 10,000 alerts on 1,000 targets in groups of 1,000, as two Alertmanagers tell them. */
async function measureStorm(cluster, platform) {
  const { url, token } = platform.gateway;
  const agent = new http.Agent({ keepAlive: true });
  const begun = Date.now();
  const before = cpuSeconds(platform.name);
  const startsAt = Date.now();
  const groups = Array.from({ length: 10 }, (_, group) =>
    notification(
      Array.from({ length: 1_000 }, (_, index) => alert(index, startsAt + group * 1_000)),
    ),
  );
  const send = async (body) => {
    while ((await post(agent, url, token, body)) !== 200) await sleep(500);
  };
  await Promise.all(groups.flatMap((body) => [send(body), send(body)]));
  agent.destroy();
  const seconds = (Date.now() - begun) / 1_000;
  const query = `WorkflowType = 'heal' AND ExecutionStatus = 'Running' AND WorkflowId STARTS_WITH '${stormPrefix(platform)}'`;
  await sleep(3_000);
  const { count } = await cluster.client.workflow.count(query);
  return { cpu: cpuSeconds(platform.name) - before, seconds, incidents: count };
}

const stormPrefix = ({ cluster }) => `heal:${cluster.name}:bench:Deployment:storm-`;

/** What the gateway's process has used of processors so far. */
function cpuSeconds(platformName) {
  const { pid } = readPlatform(platformName).parts.find(({ name }) => name === 'gateway');
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  // utime and stime, in hundredths of a second.
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

module.exports = { measureIntake, measureStorm };
