/** `pending` is still to be sent, or to be sent again. */
export const DELIVERY_STATES = ['pending', 'succeeded', 'failed'] as const;

export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** Seconds between the tries of one delivery; with the first it is tried eight times, over some two hours. */
const WAITS = [10, 30, 60, 300, 900, 1_800, 3_600];
/** Receivers that were away are not asked by all deliveries at the same moment. */
const JITTER = 0.1;

/** Seconds until the next try after `attempts` have failed; null when it was the last. */
export function waitAfter(attempts: number, random = Math.random()): number | null {
  const wait = WAITS[attempts - 1];
  return wait === undefined ? null : wait * (1 + JITTER * random);
}
