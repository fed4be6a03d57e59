import type { FastifyReply } from 'fastify';

/** Completes a 201: `Location` is where the new thing is found, below the list that it was posted to. */
export function created<T extends { id: string }>(reply: FastifyReply, thing: T): T {
  const list = reply.request.url.split('?', 1)[0]?.replace(/\/+$/, '') ?? '';
  void reply.header('Location', `${list}/${thing.id}`);
  return thing;
}
