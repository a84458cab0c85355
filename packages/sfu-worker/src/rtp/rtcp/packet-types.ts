/** RTCP packet types (RFC 3550 §12.1, RFC 4585 §6.1). */
export const RTCP = {
  SENDER_REPORT: 200,
  RECEIVER_REPORT: 201,
  SOURCE_DESCRIPTION: 202,
  BYE: 203,
  TRANSPORT_FEEDBACK: 205,
  PAYLOAD_FEEDBACK: 206,
} as const;

/** Feedback message types: NACK of transport feedback, PLI and FIR of payload feedback (RFC 4585 §6, RFC 5104 §4.3). */
export const FEEDBACK = { NACK: 1, PLI: 1, FIR: 4 } as const;

export const RTCP_HEADER_BYTES = 4;
export const REPORT_BLOCK_BYTES = 24;
export const SENDER_INFO_BYTES = 20;
