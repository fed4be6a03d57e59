/** A ticket, good for one upgrade. */
export class StreamTicketView {
  /** Sent as the query parameter `ticket` of the upgrade. */
  ticket!: string;
  expiresAt!: string;
}
