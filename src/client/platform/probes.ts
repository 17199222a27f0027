import * as http from 'node:http';
import * as https from 'node:https';
import { connect } from 'node:net';

/** Connections are kept: a handshake every second for every part would be most of the work. */
const agents = {
  http: new http.Agent({ keepAlive: true }),
  https: new https.Agent({ keepAlive: true }),
};

/** Whether a GET is answered with 200 within a second; `authority` is the PEM that must have signed. */
export function answersOk(url: string, authority?: string): Promise<boolean> {
  return new Promise((resolve) => {
    const secure = url.startsWith('https:');
    const ask = secure ? https.request : http.request;
    const agent = secure ? agents.https : agents.http;
    const options = { timeout: 1_000, agent, ...(authority && { ca: authority }) };
    const request = ask(url, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
    request.on('close', () => resolve(false));
    request.end();
  });
}

/** Whether something accepts connections on a Unix socket or a port. */
export function accepts(
  place: { path: string } | { host: string; port: number },
): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(place);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('connect', () => {
      resolve(true);
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
