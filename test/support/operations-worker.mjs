// A process of the built application with operations and schedules of its own, for tests that kill it. Told by messages
// `{ start: type, count }` to start operations; answers `ready` and `started`.
import { createApp } from '../../dist/apps/api/src/app.js';
import { loadConfig, Operations, Schedules } from '#core';
import { DataSource } from 'typeorm';

const app = await createApp(loadConfig(process.env));
const source = app.get(DataSource);
const operations = app.get(Operations);

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

const tried = ({ id, attempt }) =>
  source.query('INSERT INTO attempts (operation_id, attempt, pid) VALUES ($1, $2, $3)', [id, attempt, process.pid]);

// what it does can be done twice: what is done is a row
operations.handle('test.effect', async (run) => {
  await tried(run);
  for (let step = 1; step <= 4; step++) {
    await pause(run.input.stepMs);
    run.signal.throwIfAborted();
    run.progress(step * 25);
    run.log(`step ${step} of attempt ${run.attempt}`);
  }
  await source.query('INSERT INTO effects (operation_id) VALUES ($1) ON CONFLICT DO NOTHING', [run.id]);
  return { attempt: run.attempt };
});

// only a second runner brings it to an end
operations.handle('test.stuck', async (run) => {
  await tried(run);
  if (run.attempt > 1) return { takenOver: true };
  await new Promise((_, reject) => run.signal.addEventListener('abort', () => reject(run.signal.reason)));
});

for (let number = 0; number < Number(process.env.TEST_SCHEDULES); number++) {
  app.get(Schedules).define({
    name: `test.turn-${number}`,
    description: 'writes that it ran',
    everySeconds: 2,
    jitterSeconds: 0.5,
    run: async () => void (await source.query('INSERT INTO turns (name) VALUES ($1)', [`test.turn-${number}`])),
  });
}

process.on('message', async ({ start, count, input }) => {
  for (let done = 0; done < count; done++) {
    const request = {
      type: start,
      input,
      permission: 'servers:write',
      target: { kind: 'server', environment: null },
      resource: { type: 'server', name: `web-${done}` },
    };
    await source.transaction((manager) => operations.start(manager, request));
  }
  process.send('started');
});

process.on('SIGTERM', () => void app.close().then(() => process.exit(0)));
await app.listen(0, '127.0.0.1');
process.send('ready');
