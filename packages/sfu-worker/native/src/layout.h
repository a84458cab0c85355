// What TypeScript and this addon agree on about shared arrays. `describeLayout` hands it to native.ts, which refuses
// an addon that disagrees: an old build must not be loaded.
#pragma once
#include <cstddef>
#include <cstdint>

namespace shardcast {

/// Columns of a leg's row (forward/leg-table.ts).
namespace leg {
inline constexpr size_t kChannel = 0;
inline constexpr size_t kSsrc = 1;
inline constexpr size_t kPayloadType = 2;
/// Index of the track's first field in the worker's session counters.
inline constexpr size_t kCounters = 3;
inline constexpr size_t kIndexDelta = 4;
inline constexpr size_t kFirstIndex = 5;
inline constexpr size_t kTimestampOffset = 6;
/// Set to 1 when packets of the leg had to be dropped.
inline constexpr size_t kStarved = 7;
inline constexpr size_t kDoubles = 8;
}  // namespace leg

/// Fields of a track's counters (shared/protocol/snapshot.ts, TRACK_COUNTER).
namespace track_counter {
inline constexpr size_t kOut = 0;
inline constexpr size_t kLastTimestamp = 3;
inline constexpr size_t kPackets = 4;
inline constexpr size_t kOctets = 5;
inline constexpr size_t kLastTimestampAt = 7;
inline constexpr size_t kDoubles = 9;
}  // namespace track_counter

/// Columns of a packet batch, one behind the other, each of `capacity` entries (forward/packet-batch.ts).
namespace batch {
inline constexpr size_t kIndexBytes = 8;
inline constexpr size_t kTimestampBytes = 8;
inline constexpr size_t kStartBytes = 4;
inline constexpr size_t kEndBytes = 4;
inline constexpr size_t kFlagsBytes = 1;
inline constexpr size_t kPacketBytes = kIndexBytes + kTimestampBytes + kStartBytes + kEndBytes + kFlagsBytes;
inline constexpr uint8_t kMarker = 1;
}  // namespace batch

/// The numbers of a call of `FanOut::Forward`, in memory that both sides keep (fastpath/native.ts).
namespace call {
inline constexpr size_t kSent = 0;
inline constexpr size_t kTooBig = 1;
inline constexpr size_t kNoRoom = 2;
inline constexpr size_t kStarvedLegs = 3;
/// In: packets of the batch, legs of the group, and the time.
inline constexpr size_t kPackets = 4;
inline constexpr size_t kLegs = 5;
inline constexpr size_t kNowMs = 6;
inline constexpr size_t kDoubles = 7;
}  // namespace call

/// A UDP payload in an Ethernet frame with IPv4, bytes: no packet is larger, tag included.
inline constexpr size_t kMaxPacketBytes = 1500;
inline constexpr size_t kRtpHeaderBytes = 12;

}  // namespace shardcast
