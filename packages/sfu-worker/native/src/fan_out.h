// A batch of packets to a group of legs: header rewrite, SRTP and send, in one call.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "address.h"
#include "layout.h"
#include "srtp_cipher.h"
#include "udp_socket.h"

namespace shardcast {

/// A session's sending side: what protects its packets, and where they go once that is known.
struct Channel {
  std::unique_ptr<SrtpCipher> cipher;
  std::optional<Address> destination;
};

/// Packets on their way to a track's viewers, as columns (forward/packet-batch.ts). Borrowed for a call; every value is
/// checked before it is used.
struct PacketBatch {
  size_t count = 0;
  /// Indexes of the track, timestamps before a leg's offset.
  std::span<const double> index;
  std::span<const double> timestamp;
  std::span<const int32_t> payload_start;
  std::span<const int32_t> payload_end;
  std::span<const uint8_t> flags;
  std::span<const std::span<const uint8_t>> buffers;
};

struct ForwardResult {
  uint64_t sent = 0;
  uint64_t too_big = 0;
  /// Datagrams for which the queue had no room, and how many legs lost some.
  uint64_t no_room = 0;
  uint64_t starved_legs = 0;
};

class FanOut {
 public:
  explicit FanOut(UdpSocket& socket);

  /// A number for `Leg`'s row. Numbers are used again.
  uint32_t OpenChannel(std::unique_ptr<SrtpCipher> cipher);
  /// False when there is no such channel.
  bool SetDestination(uint32_t channel, const Address& destination);
  void CloseChannel(uint32_t channel);

  /// Sends the batch to each leg that `ids` names by its row in `rows`. Rows that make no sense are skipped.
  /// @param session_counters of the worker
  ForwardResult Forward(const PacketBatch& batch, std::span<double> session_counters, std::span<double> rows,
                        std::span<const int32_t> ids, double now_ms);

 private:
  /// Who is to be told when a message is dropped.
  struct Owner {
    double* row;
    double* counters;
    /// Of each packet, what is no payload.
    uint32_t overhead_bytes;
  };
  struct Leg;

  std::optional<Leg> ReadLeg(std::span<double> session_counters, std::span<double> rows, int32_t id);
  void ForwardTo(const Leg& leg, const PacketBatch& batch, double highest, double now_ms, ForwardResult& result);
  void Append(const Leg& leg, uint32_t bytes, uint32_t overhead_bytes);
  void Flush(ForwardResult& result);

  UdpSocket& socket_;
  std::vector<Channel> channels_;
  std::vector<uint32_t> free_channels_;
  /// Where packets are built, one behind the other: small enough to stay in the cache.
  std::vector<uint8_t> scratch_;
  size_t used_ = 0;
  std::vector<Message> messages_;
  std::vector<Owner> owners_;
  /// The message that may still grow.
  bool is_open_ = false;
};

}  // namespace shardcast
