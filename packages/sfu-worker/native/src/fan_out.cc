#include "fan_out.h"

#include <cmath>
#include <cstring>

namespace shardcast {
namespace {

constexpr size_t kScratchBytes = 256 * 1024;
constexpr double kTimestamps = 4294967296.0;

void StoreBe16(uint8_t* at, uint16_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void StoreBe32(uint8_t* at, uint32_t value) {
  StoreBe16(at, static_cast<uint16_t>(value >> 16));
  StoreBe16(at + 2, static_cast<uint16_t>(value));
}

/// True in [0, limit): what may be converted without undefined behaviour. NaN is in no range.
bool IsBelow(double value, double limit) { return value >= 0 && value < limit; }

}  // namespace

struct FanOut::Leg {
  double* row;
  double* counters;
  Channel* channel;
  uint32_t ssrc;
  uint8_t payload_type;
  double index_delta;
  double first_index;
  double timestamp_offset;
};

FanOut::FanOut(UdpSocket& socket) : socket_(socket), scratch_(kScratchBytes) {
  messages_.reserve(UdpSocket::kMaxMessages);
  owners_.reserve(UdpSocket::kMaxMessages);
}

uint32_t FanOut::OpenChannel(std::unique_ptr<SrtpCipher> cipher) {
  uint32_t number;
  if (free_channels_.empty()) {
    number = static_cast<uint32_t>(channels_.size());
    channels_.emplace_back();
  } else {
    number = free_channels_.back();
    free_channels_.pop_back();
  }
  channels_[number].cipher = std::move(cipher);
  return number;
}

bool FanOut::SetDestination(uint32_t channel, const Address& destination) {
  if (channel >= channels_.size() || !channels_[channel].cipher) return false;
  channels_[channel].destination = destination;
  return true;
}

void FanOut::CloseChannel(uint32_t channel) {
  if (channel >= channels_.size() || !channels_[channel].cipher) return;
  channels_[channel] = {};
  free_channels_.push_back(channel);
}

ForwardResult FanOut::Forward(const PacketBatch& batch, std::span<double> session_counters, std::span<double> rows,
                              std::span<const int32_t> ids, double now_ms) {
  ForwardResult result;
  double highest = -1;
  for (size_t i = 0; i < batch.count; i++) highest = std::fmax(highest, batch.index[i]);
  for (int32_t id : ids) {
    const auto leg = ReadLeg(session_counters, rows, id);
    if (leg) ForwardTo(*leg, batch, highest, now_ms, result);
  }
  Flush(result);
  return result;
}

std::optional<FanOut::Leg> FanOut::ReadLeg(std::span<double> session_counters, std::span<double> rows, int32_t id) {
  if (id < 0 || (static_cast<size_t>(id) + 1) * leg::kDoubles > rows.size()) return std::nullopt;
  double* row = rows.data() + static_cast<size_t>(id) * leg::kDoubles;
  // Each value is read once: another thread may write where the array is shared.
  const double number = row[leg::kChannel];
  const double ssrc = row[leg::kSsrc];
  const double payload_type = row[leg::kPayloadType];
  const double timestamp_offset = row[leg::kTimestampOffset];
  const double index_delta = row[leg::kIndexDelta];
  if (!IsBelow(number, static_cast<double>(channels_.size()))) return std::nullopt;
  Channel& channel = channels_[static_cast<size_t>(number)];
  if (!channel.cipher || !channel.destination) return std::nullopt;
  const double counters = row[leg::kCounters];
  if (session_counters.size() < track_counter::kDoubles ||
      !IsBelow(counters, static_cast<double>(session_counters.size() - track_counter::kDoubles + 1))) {
    return std::nullopt;
  }
  if (!IsBelow(ssrc, kTimestamps) || !IsBelow(payload_type, 128) || !IsBelow(timestamp_offset, kTimestamps) ||
      !std::isfinite(index_delta)) {
    return std::nullopt;
  }
  return Leg{row,
             session_counters.data() + static_cast<size_t>(counters),
             &channel,
             static_cast<uint32_t>(ssrc),
             static_cast<uint8_t>(payload_type),
             index_delta,
             row[leg::kFirstIndex],
             timestamp_offset};
}

void FanOut::ForwardTo(const Leg& leg, const PacketBatch& batch, double highest, double now_ms,
                       ForwardResult& result) {
  double* counters = leg.counters;
  // Shared counters first: an index that may have been used is never handed out again (RFC 3711 §9.1).
  const double next = highest + leg.index_delta + 1;
  const bool is_newest = next > counters[track_counter::kOut] && next <= static_cast<double>(SrtpCipher::kIndexes);
  if (is_newest) counters[track_counter::kOut] = next;
  is_open_ = false;
  uint64_t packets = 0;
  uint64_t octets = 0;
  uint32_t last_timestamp = 0;
  const size_t tag_bytes = leg.channel->cipher->tag_bytes();
  for (size_t i = 0; i < batch.count; i++) {
    const double track_index = batch.index[i];
    if (!(track_index >= leg.first_index)) continue;
    const std::span<const uint8_t> buffer = batch.buffers[i];
    const int32_t start = batch.payload_start[i];
    const int32_t end = batch.payload_end[i];
    const double index = track_index + leg.index_delta;
    const double timestamp = batch.timestamp[i];
    if (start < 0 || end < start || static_cast<size_t>(end) > buffer.size() ||
        !IsBelow(index, static_cast<double>(SrtpCipher::kIndexes)) || !IsBelow(timestamp, kTimestamps)) {
      continue;
    }
    const auto packet_index = static_cast<uint64_t>(index);
    // Two that differ by a fraction would be one index, and share a keystream.
    if (static_cast<double>(packet_index) != index) continue;
    const std::span<const uint8_t> payload = buffer.subspan(start, end - start);
    if (kRtpHeaderBytes + payload.size() + SrtpCipher::kMaxTagBytes > kMaxPacketBytes) {
      result.too_big++;
      continue;
    }
    const size_t bytes = kRtpHeaderBytes + payload.size() + tag_bytes;
    if (used_ + bytes > scratch_.size() || (!is_open_ && messages_.size() >= UdpSocket::kMaxMessages)) Flush(result);
    last_timestamp = static_cast<uint32_t>(static_cast<uint64_t>(timestamp + leg.timestamp_offset));
    uint8_t* packet = scratch_.data() + used_;
    packet[0] = 0x80;  // RFC 3550 §5.1: version 2, nothing optional
    packet[1] = static_cast<uint8_t>(leg.payload_type | ((batch.flags[i] & batch::kMarker) != 0 ? 0x80 : 0));
    StoreBe16(packet + 2, static_cast<uint16_t>(packet_index));
    StoreBe32(packet + 4, last_timestamp);
    StoreBe32(packet + 8, leg.ssrc);
    if (!leg.channel->cipher->Protect(packet, kRtpHeaderBytes, payload, leg.ssrc, packet_index)) continue;
    Append(leg, static_cast<uint32_t>(bytes), static_cast<uint32_t>(kRtpHeaderBytes + tag_bytes));
    packets++;
    octets += payload.size();
  }
  if (packets == 0) return;
  result.sent += packets;
  counters[track_counter::kPackets] += static_cast<double>(packets);
  counters[track_counter::kOctets] += static_cast<double>(octets);
  // A late or repeated packet says nothing about now: sender reports keep the newest pair.
  if (is_newest) {
    counters[track_counter::kLastTimestamp] = last_timestamp;
    counters[track_counter::kLastTimestampAt] = now_ms;
  }
}

/// Adds the packet at the end of the scratch to the leg's open message, or begins another one.
void FanOut::Append(const Leg& leg, uint32_t bytes, uint32_t overhead_bytes) {
  const uint8_t* packet = scratch_.data() + used_;
  used_ += bytes;
  if (is_open_) {
    Message& open = messages_.back();
    if (bytes <= open.segment_bytes && open.bytes + bytes <= UdpSocket::kMaxMessageBytes &&
        open.segments < UdpSocket::kMaxSegments) {
      open.bytes += bytes;
      open.segments++;
      // A shorter one ends it: only the last segment may be.
      is_open_ = bytes == open.segment_bytes;
      return;
    }
  }
  Message message;
  message.destination = &*leg.channel->destination;
  message.data = packet;
  message.bytes = message.segment_bytes = bytes;
  message.segments = 1;
  messages_.push_back(message);
  owners_.push_back({leg.row, leg.counters, overhead_bytes});
  is_open_ = true;
}

void FanOut::Flush(ForwardResult& result) {
  socket_.Send(messages_);
  for (size_t i = 0; i < messages_.size(); i++) {
    const uint32_t dropped = messages_[i].dropped_segments;
    if (dropped == 0) continue;
    const Owner& owner = owners_[i];
    result.sent -= dropped;
    result.no_room += dropped;
    owner.counters[track_counter::kPackets] -= dropped;
    owner.counters[track_counter::kOctets] -= static_cast<double>(messages_[i].dropped_bytes) - dropped * owner.overhead_bytes;
    if (owner.row[leg::kStarved] == 0) result.starved_legs++;
    owner.row[leg::kStarved] = 1;
  }
  messages_.clear();
  owners_.clear();
  used_ = 0;
  is_open_ = false;
}

}  // namespace shardcast
