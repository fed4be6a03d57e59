import { createHash } from 'node:crypto';
import { Agent as HttpAgent, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { HttpService } from '@nestjs/axios';
import { Injectable } from '@nestjs/common';
import { type AxiosRequestConfig, isAxiosError } from 'axios';
import { type SystemRef, UpstreamDenied, UpstreamError, UpstreamTimeout } from '../errors/errors.js';
import { Metrics } from '../metrics/metrics.js';
import { OutboundGuard, OutboundRefused } from './outbound-guard.js';

/** One call to a remote system. */
export interface OutboundRequest {
  /** Which system it is for; failures name it. */
  system: SystemRef;
  url: string;
  method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'HEAD';
  headers?: Record<string, string>;
  body?: string | Buffer;
  /** PEM of a private CA; without it the system's roots are trusted. */
  ca?: string;
  /** For the whole answer, body included. */
  timeoutMs: number;
  /** Longer answers are a failure. */
  maxBytes: number;
  signal?: AbortSignal;
}

export interface OutboundResponse {
  status: number;
  headers: Record<string, unknown>;
  body: Buffer;
}

/** HTTP to registered systems: guarded, without redirects, proxies or cookies, bounded in time and size. */
@Injectable()
export class OutboundHttp {
  private readonly http: HttpAgent;
  private readonly https = new Map<string, HttpsAgent>();

  constructor(
    private readonly service: HttpService,
    private readonly guard: OutboundGuard,
    private readonly metrics: Metrics,
  ) {
    this.http = new HttpAgent({ keepAlive: true, maxSockets: 32, maxFreeSockets: 4, lookup: guard.lookup });
  }

  /** Any status is an answer; only what is not one throws: UpstreamError, UpstreamTimeout. */
  async send(request: OutboundRequest): Promise<OutboundResponse> {
    const stop = this.metrics.upstreamDuration.startTimer({ kind: request.system.kind });
    try {
      const response = await this.exchange(request);
      stop({
        outcome: response.status < 400 ? 'ok' : response.status === 401 || response.status === 403 ? 'denied' : 'error',
      });
      return response;
    } catch (error) {
      stop({ outcome: error instanceof UpstreamTimeout ? 'timeout' : 'error' });
      throw error;
    }
  }

  private async exchange(request: OutboundRequest): Promise<OutboundResponse> {
    const deadline = AbortSignal.timeout(request.timeoutMs);
    const signal = request.signal ? AbortSignal.any([deadline, request.signal]) : deadline;
    try {
      const url = this.guard.checkUrl(request.url, ['http:', 'https:']);
      const response = await this.service.axiosRef.request<Buffer>(this.configOf(request, url, signal));
      return { status: response.status, headers: response.headers, body: response.data };
    } catch (error) {
      if (deadline.aborted)
        throw new UpstreamTimeout(request.system, `No complete answer within ${request.timeoutMs / 1000} s.`, error);
      throw new UpstreamError(request.system, explain(error, request), error);
    }
  }

  /** As `send`, for calls where only 2xx will do. 401 and 403 become UpstreamDenied. */
  async sendExpectingSuccess(request: OutboundRequest): Promise<OutboundResponse> {
    const response = await this.send(request);
    if (response.status >= 200 && response.status < 300) return response;
    if (response.status === 401 || response.status === 403) {
      throw new UpstreamDenied(request.system, `The remote system answered ${response.status}.`);
    }
    const redirect = response.status >= 300 && response.status < 400 ? '; redirects are not followed' : '';
    throw new UpstreamError(request.system, `The remote system answered ${response.status}${redirect}.`);
  }

  private configOf(request: OutboundRequest, url: URL, signal: AbortSignal): AxiosRequestConfig {
    return {
      url: url.href,
      method: request.method ?? 'GET',
      headers: request.headers,
      data: request.body,
      signal,
      responseType: 'arraybuffer',
      // the guard has judged this address only: no redirect, no proxy of the environment
      maxRedirects: 0,
      proxy: false,
      validateStatus: () => true,
      maxContentLength: request.maxBytes,
      maxBodyLength: Infinity,
      httpAgent: this.http,
      httpsAgent: this.httpsAgent(request.ca),
    };
  }

  private httpsAgent(ca = ''): HttpsAgent {
    const key = ca && createHash('sha256').update(ca).digest('base64');
    let agent = this.https.get(key);
    if (!agent) {
      agent = new HttpsAgent({
        keepAlive: true,
        maxSockets: 32,
        maxFreeSockets: 4,
        lookup: this.guard.lookup,
        ca: ca || undefined,
      });
      this.https.set(key, agent);
    }
    return agent;
  }
}

const TLS_CODE = /^(CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|ERR_TLS|ERR_SSL|EPROTO|HOSTNAME_MISMATCH|INVALID_CA)/;

/** A reason that helps the operator and is no oracle for scanning ports: refused, filtered and unreachable read the same. */
function explain(error: unknown, { maxBytes }: OutboundRequest): string {
  const cause = rootOf(error);
  if (cause instanceof OutboundRefused) return `The address ${cause.message}.`;
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  if (TLS_CODE.test(code)) return `Its TLS certificate was not accepted (${code}).`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'Its host name could not be resolved.';
  if (code === 'HPE_HEADER_OVERFLOW') return 'It sent more headers than are accepted.';
  if (code.startsWith('HPE_') || code === 'Z_DATA_ERROR' || code === 'Z_BUF_ERROR')
    return 'It did not answer in proper HTTP.';
  if (cause instanceof Error && /maxContentLength/.test(cause.message))
    return `Its answer was longer than ${maxBytes} bytes.`;
  return answered(error) ? 'The connection broke in the middle of the answer.' : 'It could not be reached.';
}

function rootOf(error: unknown): unknown {
  let current = error;
  while (current instanceof Error && current.cause instanceof Error && !(current instanceof OutboundRefused))
    current = current.cause;
  return current;
}

function answered(error: unknown): boolean {
  return (
    isAxiosError(error) && Boolean(error.response ?? (error.request as { res?: IncomingMessage } | undefined)?.res)
  );
}
