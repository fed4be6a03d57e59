import { existsSync, readlinkSync } from 'node:fs';
import { Redis } from 'ioredis';
import { Client } from 'pg';
import { nodeExporter, postgres, redis } from './services.js';

async function ask(connectionString: string, statement: string): Promise<unknown> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query({ text: statement, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

const isRunning = (pid: number): boolean => existsSync(`/proc/${pid}`);

describe('real services', () => {
  it('PostgreSQL answers, keeps what it was given over a restart and is gone when stopped', async () => {
    const service = await postgres();
    try {
      expect(await ask(service.url, 'SHOW fsync')).toEqual([['on']]);
      if (service.pid === undefined) return;
      await ask(service.url, 'CREATE TABLE kept (n int)');
      await ask(service.url, 'INSERT INTO kept VALUES (42)');
      const before = service.pid;
      await service.restart();
      expect(isRunning(before)).toBe(false);
      expect(await ask(service.url, 'SELECT n FROM kept')).toEqual([[42]]);
      expect(await ask(service.superuserUrl, "SELECT current_setting('is_superuser')")).toEqual([['on']]);
      expect(await ask(service.url, "SELECT current_setting('is_superuser')")).toEqual([['off']]);
    } finally {
      await stopAndCheck(service);
    }
  });

  it('Redis answers', async () => {
    const service = await redis();
    const client = new Redis(service.url);
    try {
      await client.set('einfra:services-spec', 'kept');
      expect(await client.get('einfra:services-spec')).toBe('kept');
      await client.del('einfra:services-spec');
    } finally {
      client.disconnect();
      await stopAndCheck(service);
    }
  });

  it('node_exporter reports this machine', async () => {
    const service = await nodeExporter();
    try {
      const metrics = await (await fetch(`${service.url}/metrics`)).text();
      expect(metrics).toMatch(/^node_memory_MemTotal_bytes \d/m);
    } finally {
      await stopAndCheck(service);
    }
  });
});

/** A service of ours ends with its directory; one of the environment stays. */
async function stopAndCheck(service: { pid: number | undefined; stop(): Promise<void> }): Promise<void> {
  const { pid } = service;
  const directory = pid === undefined ? undefined : readlinkSync(`/proc/${pid}/cwd`);
  await service.stop();
  if (pid === undefined || directory === undefined) return;
  expect([isRunning(pid), existsSync(directory)]).toEqual([false, false]);
}
