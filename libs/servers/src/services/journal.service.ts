import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import {
  Access,
  APP_CONFIG,
  type AppConfig,
  LiveCallers,
  sse,
  type SseEvent,
  type SystemRef,
  UpstreamError,
  ValidationFailed,
} from '#core';
import { refuseFailure } from '../ssh/answers.js';
import { type CommandStream, RemoteShell } from '../ssh/remote-shell.js';
import { ConnectionBroke } from '../ssh/ssh-errors.js';
import { RemoteServers } from '../ssh/remote-servers.js';
import type { JournalQuery } from './services.dto.js';
import { ServicesService } from './services.service.js';
import { journalCommand, type JournalLine, type JournalRequest, parseJournalLine, unitOf } from './systemd.js';

const DEFAULT_TAIL = 100;
const MAX_BYTES = 8 * 1024 * 1024;
const MAX_LINE = 1024 * 1024;

/** The journal of services, once or as it grows. */
@Injectable()
export class JournalService {
  constructor(
    private readonly shell: RemoteShell,
    private readonly servers: RemoteServers,
    private readonly services: ServicesService,
    private readonly access: Access,
    private readonly callers: LiveCallers,
    @Inject(APP_CONFIG) private readonly config: AppConfig,
  ) {}

  /** Answers with server-sent events when they are accepted, else as text. */
  async send(
    id: string,
    name: string,
    query: JournalQuery,
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<void> {
    const wanted: JournalRequest = {
      unit: unitOf(name),
      tail: query.tail ?? DEFAULT_TAIL,
      since: query.since === undefined ? undefined : new Date(query.since),
      follow: query.follow ?? false,
    };
    const events = /text\/event-stream/i.test(request.headers.accept ?? '');
    if (wanted.follow && !events) throw ValidationFailed.at('?follow', 'needs Accept: text/event-stream');
    const system = await this.servers.reachable(id);
    // journalctl itself would wait for ever for a unit that isn't there, or where no systemd runs
    await this.services.get(id, name);
    if (!events) {
      const lines = await this.read(system, wanted);
      const text = lines.map(({ at, message }) => `${at} ${message}\n`).join('');
      await reply.header('Cache-Control', 'no-store').type('text/plain; charset=utf-8').send(text);
      return;
    }
    const caller = this.access.caller();
    const recheck = async (): Promise<string | null> => {
      const current = await this.callers.refresh(caller);
      const target = { kind: 'server' as const, id, environment: (await this.servers.reachable(id)).environment };
      return current && this.callers.grantFor(current, 'servers:services', target) ? null : 'revoked';
    };
    const abort = new AbortController();
    const lines = wanted.follow ? this.follow(system, wanted, abort.signal) : this.once(system, wanted);
    await sse(reply, lines, { recheck, abort });
  }

  private async read(system: SystemRef & { id: string }, wanted: JournalRequest): Promise<JournalLine[]> {
    const options = { timeoutMs: this.config.upstreamTimeoutMs, maxBytes: MAX_BYTES };
    const result = await this.shell.run(system.id, journalCommand(wanted), options);
    refuseFailure(system, result, 'journalctl');
    return result.stdout.split('\n').flatMap((line) => parseJournalLine(line) ?? []);
  }

  private async *once(system: SystemRef & { id: string }, wanted: JournalRequest): AsyncGenerator<SseEvent> {
    for (const data of await this.read(system, wanted)) yield { data };
  }

  private async *follow(
    system: SystemRef & { id: string },
    wanted: JournalRequest,
    signal: AbortSignal,
  ): AsyncGenerator<SseEvent> {
    const stream = await this.shell.follow(system.id, journalCommand(wanted));
    // a generator that waits for a line would not hear that nobody reads any more
    signal.addEventListener('abort', () => stream.output.destroy(), { once: true });
    if (signal.aborted) stream.output.destroy();
    try {
      for await (const text of linesOf(system, stream)) {
        const data = parseJournalLine(text);
        if (data) yield { data };
      }
      const { exitCode, stderr, broken } = await stream.ended;
      if (broken) throw new ConnectionBroke(system);
      refuseFailure(system, { exitCode, signal: null, stdout: '', stderr, truncated: false }, 'journalctl');
    } finally {
      stream.output.destroy();
    }
  }
}

async function* linesOf(system: SystemRef, { output }: CommandStream): AsyncGenerator<string> {
  let rest = '';
  output.setEncoding('utf8');
  for await (const chunk of output as AsyncIterable<string>) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > MAX_LINE) throw new UpstreamError(system, 'It sent a line that is too long.');
    yield* lines;
  }
}
