import { postgres } from '../test/real/services.ts';
import { compare, load, report, signIn, startApi, startNode } from './support.ts';

// Creating servers with audit, against the same inserts (the server, its poll row, two audit rows) written by hand, each way at
// 32 at once. Run with: npm run bench -- writes
const database = await postgres();
const api = await startApi({ DATABASE_URL: database.url });
const handWritten = await startNode(['bench/hand-written-server.ts'], { DATABASE_URL: database.url });
const headers = { Authorization: `Bearer ${await signIn(api.url)}`, 'Content-Type': 'application/json' };
const script = `
  counter = 0
  prefix = tostring(os.time()) .. "-" .. tostring(math.random(1e9))
  request = function()
    counter = counter + 1
    return wrk.format("POST", nil, nil, '{"name":"server-' .. prefix .. '-' .. counter .. '","environment":"lab"}')
  end
  math.randomseed(os.time())`;
const results = compare(3, {
  api: () => load(`${api.url}/api/servers`, { headers, script }),
  handWritten: () => load(`${handWritten.url}/servers`, { headers, script }),
});
const [ours, theirs] = [results['api']!, results['handWritten']!];
report(
  'creating a server with audit, against by hand',
  ours.requestsPerSecond / theirs.requestsPerSecond,
  '>= 0.50',
  `${Math.round(ours.requestsPerSecond)}/s (p99 ${ours.p99Ms} ms), ${Math.round(theirs.requestsPerSecond)}/s; failures ${ours.failures}, ${theirs.failures}`,
);
await api.stop();
await handWritten.stop();
await database.stop();
