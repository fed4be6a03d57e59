import { request } from 'node:http';
import { postgres } from '../test/real/services.ts';
import { report, residentMiB, signIn, startApi, PASSWORD } from './support.ts';

// 1,000 followers of /api/events (20 a user, so fifty users) while servers are made: memory of the process, and how late
// /health/live answers, which is its event-loop lag. Run with: npm run bench -- followers
const FOLLOWERS = 1_000;
const PER_USER = 20;
const EVENTS = 200;
const database = await postgres();
const api = await startApi({ DATABASE_URL: database.url });
const admin = await signIn(api.url);
const call = async (path: string, body: unknown, token = admin): Promise<any> => {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  return (await fetch(api.url + path, { method: 'POST', headers, body: JSON.stringify(body) })).json();
};

const tokens: string[] = [];
for (let i = 0; i < FOLLOWERS / PER_USER; i++) {
  const { id } = await call('/api/users', { username: `follower-${i}`, password: PASSWORD });
  await call('/api/grants', { subject: { type: 'user', id }, role: 'viewer', scope: { type: 'all' } });
  tokens.push((await call('/api/login', { username: `follower-${i}`, password: PASSWORD })).token as string);
}
const before = residentMiB(api.pid);

let received = 0;
const opened = tokens.flatMap((token) => Array.from({ length: PER_USER }, () => follow(token)));
await Promise.all(opened);
const connected = residentMiB(api.pid);

const late: number[] = [];
for (let i = 0; i < EVENTS; i++) {
  await call('/api/servers', { name: `event-${i}` });
  const start = performance.now();
  await (await fetch(`${api.url}/health/live`)).arrayBuffer();
  late.push(performance.now() - start);
}
await new Promise((resolve) => setTimeout(resolve, 3_000));
late.sort((a, b) => a - b);
const details = `${before} MiB before, ${connected} with followers, ${residentMiB(api.pid)} after ${received} deliveries`;
report('memory for 1,000 followers, MiB', connected - before, '-', details);
report(
  '/health/live while events go out, p99 ms',
  late[Math.floor(late.length * 0.99)] ?? 0,
  '-',
  `p50 ${late[EVENTS / 2]?.toFixed(1)} ms`,
);
report('share of events delivered', received / (EVENTS * FOLLOWERS), '1', '');
await api.stop();
await database.stop();
process.exit(0);

function follow(token: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(
      `${api.url}/api/events?type=server.created`,
      { headers: { authorization: `Bearer ${token}` } },
      (answer) => {
        if (answer.statusCode !== 200) return reject(new Error(`${answer.statusCode}`));
        resolve();
        answer.on('data', (chunk: Buffer) => (received += chunk.toString().split('event: server.created').length - 1));
      },
    );
    sent.on('error', () => undefined);
    sent.end();
  });
}
