export { type NtpTime, ntpFromUnixMs, ntpMiddle } from './ntp.ts';
export { type RtcpFault, type RtcpVisitor, readRtcp } from './read.ts';
export { ReceptionStats } from './reception-stats.ts';
export {
  type ReportBlock,
  type SenderInfo,
  writeBye,
  writePli,
  writeReceiverReport,
  writeSdesCname,
  writeSenderReport,
} from './write.ts';
