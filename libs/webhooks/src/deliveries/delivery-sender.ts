import { Injectable } from '@nestjs/common';
import { Encryption, OutboundHttp, ProblemError } from '#core';
import { WEBHOOK_SECRET } from '../webhook.entity.js';
import { signatureOf } from './signature.js';

const TIMEOUT_MS = 10_000;
const MAX_ANSWER_BYTES = 64 * 1024;

/** All that sending needs. */
export interface Sending {
  id: string;
  eventType: string;
  payload: string;
  webhook: { id: string; name: string; url: string; sealedSecret: string };
}

/** How a try went; without a problem it arrived. */
export interface Attempt {
  status: number | null;
  problem: string | null;
  durationMs: number;
}

/** Sends one delivery, once. */
@Injectable()
export class DeliverySender {
  constructor(
    private readonly http: OutboundHttp,
    private readonly encryption: Encryption,
  ) {}

  /** Any failure of the receiver is an answer; only an end by `signal` throws. */
  async send({ id, eventType, payload, webhook }: Sending, signal: AbortSignal): Promise<Attempt> {
    const started = performance.now();
    const durationMs = (): number => Math.round(performance.now() - started);
    try {
      const secret = this.encryption.open(WEBHOOK_SECRET, webhook.id, webhook.sealedSecret);
      const { status } = await this.http.send({
        system: { kind: 'webhook', id: webhook.id, name: webhook.name },
        url: webhook.url,
        method: 'POST',
        headers: {
          'Content-Type': 'application/json; charset=utf-8',
          'User-Agent': 'einfra',
          'X-Einfra-Event': eventType,
          'X-Einfra-Delivery': id,
          'X-Einfra-Signature': signatureOf(secret, payload, new Date()),
        },
        body: payload,
        timeoutMs: TIMEOUT_MS,
        maxBytes: MAX_ANSWER_BYTES,
        signal,
      });
      return { status, problem: problemOf(status), durationMs: durationMs() };
    } catch (error) {
      if (signal.aborted || !(error instanceof ProblemError)) throw error;
      return { status: null, problem: error.message, durationMs: durationMs() };
    }
  }
}

function problemOf(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  return `It answered ${status}${status >= 300 && status < 400 ? '; redirects are not followed' : ''}.`;
}
