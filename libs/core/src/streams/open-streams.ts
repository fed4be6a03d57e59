import type { Server } from 'node:http';
import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Instance } from '../process/instance.js';

/** What is open on a server, so that shutdown finds it. */
interface Open {
  closing: boolean;
  ends: Set<() => void>;
}

const opened = new WeakMap<Server, Open>();

function openOn(server: Server): Open {
  let open = opened.get(server);
  if (!open) opened.set(server, (open = { closing: false, ends: new Set() }));
  return open;
}

/** Whether the server takes no new streams any more. */
export function isClosing(server: Server): boolean {
  return openOn(server).closing;
}

/** Has `end` called when the server shuts down. Answers how to take it back. */
export function endAtShutdown(server: Server, end: () => void): () => void {
  const { ends } = openOn(server);
  ends.add(end);
  return () => void ends.delete(end);
}

/** Ends every stream as soon as shutdown begins: their clients then go on with another process while this one still answers. */
@Injectable()
export class StreamShutdown implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly adapter: HttpAdapterHost,
    private readonly instance: Instance,
  ) {}

  onApplicationBootstrap(): void {
    this.instance.onDrain(() => this.endAll());
  }

  onModuleDestroy(): void {
    this.endAll();
  }

  private endAll(): void {
    // a module that is started without a server has nothing open
    const server = this.adapter.httpAdapter?.getHttpServer() as Server | undefined;
    if (!server) return;
    const open = openOn(server);
    open.closing = true;
    for (const end of [...open.ends]) end();
  }
}
