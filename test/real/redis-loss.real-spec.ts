import { Load, newDatabase, pause, type Replica, Replicas, until } from './replicas.js';
import { postgres, type PostgresService, redis, type Service } from './services.js';

/** A Redis that does not answer costs a request its command time-out at the most, and only until that is noticed. */
const SLOWEST_MS = 1_000;

describe('two processes that lose their Redis under load', () => {
  let database: PostgresService;
  let cache: Service;
  let replicas: Replicas;
  let pair: [Replica, Replica];
  let token: string;

  beforeAll(async () => {
    [database, cache] = await Promise.all([postgres(), redis()]);
    const url = await newDatabase(database);
    replicas = new Replicas({ DATABASE_URL: url, REDIS_URL: cache.url, RATE_LIMIT: '1000000' });
    pair = await Promise.all([replicas.start(), replicas.start()]);
    token = await pair[0].signIn();
  }, 60_000);

  afterAll(async () => {
    await replicas?.endAll();
    await Promise.all([database?.stop(), cache?.stop()]);
  });

  it.each([
    ['is killed', () => cache.halt('SIGKILL'), () => cache.start()],
    ['is frozen', async () => cache.freeze(), async () => cache.thaw()],
    ['is restarted', () => cache.restart(), async () => undefined],
  ])(
    'when it %s: no request fails, none is stale, all stay fast',
    async (what, lose, restore) => {
      const made = await pair[0].call('POST', '/api/servers', { name: `redis ${what}` }, { token });
      const path = `/api/servers/${made.body.id}`;
      let written = 0;
      const stale: string[] = [];
      // one changes it, the others read it on both processes: what was answered before the read began must be seen
      const writer = new Load(1, async (_lane, turn) => {
        const answer = await pair[turn % 2]!.call('PATCH', path, { description: `${turn}` }, { token });
        if (answer.status === 200) written = turn;
        return answer;
      });
      const readers = new Load(6, async (lane, turn) => {
        const atLeast = written;
        const isList = turn % 2 === 0;
        const answer = await pair[lane % 2]!.call(
          'GET',
          isList ? `/api/servers?q=redis%20${what.replaceAll(' ', '%20')}` : path,
          undefined,
          { token },
        );
        const server = isList ? answer.body.items[0] : answer.body;
        if (Number(server.description) < atLeast)
          stale.push(`${server.description} instead of ${atLeast}, after ${turn} turns`);
        return answer;
      });
      await pause(1_000);
      await lose();
      await pause(2_000);
      await restore();
      await pause(2_000);
      await Promise.all([writer.stop(), readers.stop()]);
      console.log(
        `Redis ${what}: ${readers.answers.length} reads, slowest ${Math.round(readers.slowestMs())} ms; ` +
          `${writer.answers.length} writes, slowest ${Math.round(writer.slowestMs())} ms`,
      );
      expect([readers.statuses(), writer.statuses()]).toEqual([
        { 200: readers.answers.length },
        { 200: writer.answers.length },
      ]);
      expect(stale).toEqual([]);
      expect(Math.max(readers.slowestMs(), writer.slowestMs())).toBeLessThan(SLOWEST_MS);
      // it is used again
      const hits = async (): Promise<number> =>
        Number(/einfra_cache_reads\{outcome="hit"\} (\d+)/.exec((await pair[0].call('GET', '/metrics')).text)?.[1]);
      const before = await hits();
      const isUsed = async (): Promise<boolean> => {
        await pair[0].call('GET', path, undefined, { token });
        return (await hits()) > before;
      };
      await until('the cache is used again', isUsed, 5_000);
      for (const replica of pair) expect(replica.ended()).toBeNull();
    },
    60_000,
  );
});
