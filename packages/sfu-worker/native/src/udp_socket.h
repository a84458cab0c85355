// A non-blocking UDP socket that receives and sends in lots: recvmmsg and UDP_GRO in, sendmmsg and UDP_SEGMENT out.
#pragma once
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "address.h"

namespace shardcast {

/// Datagrams for one destination that lie one behind the other: all of `segment_bytes` but the last, which may be
/// shorter. Borrowed for the call.
struct Message {
  const Address* destination = nullptr;
  const uint8_t* data = nullptr;
  uint32_t bytes = 0;
  uint32_t segment_bytes = 0;
  uint32_t segments = 0;
  /// Out: what was neither sent nor kept at the message's end, as the queue is full.
  uint32_t dropped_bytes = 0;
  uint32_t dropped_segments = 0;
};

/// A received datagram in `UdpSocket::memory`.
struct Datagram {
  uint32_t offset;
  uint32_t bytes;
  /// As `Know` numbered its sender, 0 for a stranger.
  uint32_t peer;
  /// Which of the call's messages it came in: its index for `Source`.
  uint32_t message;
};

class UdpSocket {
 public:
  /// Messages that one call to the kernel takes.
  static constexpr size_t kMaxMessages = 64;
  /// RFC 768 and RFC 791: 65,535 less both headers.
  static constexpr size_t kMaxMessageBytes = 65507;
  /// What Linux takes in every version that has UDP_SEGMENT.
  static constexpr size_t kMaxSegments = 64;

  using SendCall = int (*)(int, mmsghdr*, unsigned int, int);

  /// @param queue_bytes kept at most while the kernel takes no more
  explicit UdpSocket(size_t queue_bytes) : queue_limit_(queue_bytes) {}
  ~UdpSocket() { Close(); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  /// Binds an address; an IPv6 one takes IPv4 too when it is `::`. 0, or an errno.
  int Open(const std::string& host, uint16_t port, int buffer_bytes, bool offload);
  void Close();
  int fd() const { return fd_; }
  int family() const { return family_; }
  uint16_t port() const { return port_; }
  bool segments() const { return segments_; }
  bool coalesces() const { return coalesces_; }

  /// Numbers a sender, so that its datagrams are recognised without its address.
  void Know(const Address& address, uint32_t peer) { peers_[address] = peer; }
  void Forget(const Address& address) { peers_.erase(address); }

  /// Reads what is there, up to a bound. The datagrams stay in `memory` until the next call.
  std::span<const Datagram> Receive();
  /// Where the datagrams lie: `kReceiveSlots` slots of `kReceiveSlotBytes`.
  void UseMemory(std::span<uint8_t> memory) { memory_ = memory; }
  const Address& Source(size_t message) const { return sources_[message]; }
  static constexpr size_t kReceiveSlots = 16;
  static constexpr size_t kReceiveSlotBytes = 65536;

  /// Sends in order. What the kernel does not take now is kept, and goes out by `SendQueued`; what exceeds the bound is
  /// marked as dropped.
  void Send(std::span<Message> messages);
  /// The kernel takes more. True when nothing is left.
  bool SendQueued();
  /// Memory that is held for it.
  size_t queued_bytes() const { return queued_bytes_; }
  bool has_queued() const { return !queue_.empty(); }

  struct Counters {
    uint64_t datagrams_out = 0;
    /// Datagrams that the kernel refused for good: no route, a firewall.
    uint64_t send_errors = 0;
    /// Times that the kernel or device refused an offloaded message.
    uint64_t offload_refusals = 0;
    /// Larger than a slot.
    uint64_t truncated = 0;
  };
  const Counters& counters() const { return counters_; }

  /// For tests: what stands in for sendmmsg.
  void UseSendCall(SendCall call) { send_call_ = call; }

 private:
  struct Queued {
    Address destination;
    std::vector<uint8_t> bytes;
    /// Of `bytes`, those that went out already.
    size_t sent;
    uint32_t segment_bytes;
  };
  struct Progress {
    size_t messages;
    /// Of the message behind them, those dealt with.
    uint32_t bytes;
    bool is_full;
  };

  Progress SendSome(std::span<const Message> messages);
  Progress SendOneByOne(const Message& message);
  int Call(mmsghdr* headers, size_t count);
  void Keep(Message& message, uint32_t from);

  int fd_ = -1;
  int family_ = AF_INET;
  uint16_t port_ = 0;
  bool segments_ = false;
  bool coalesces_ = false;
  SendCall send_call_ = sendmmsg;
  std::unordered_map<Address, uint32_t, AddressHash> peers_;
  std::span<uint8_t> memory_;
  std::vector<Datagram> datagrams_;
  Address sources_[kReceiveSlots];
  std::deque<Queued> queue_;
  size_t queued_bytes_ = 0;
  size_t queue_limit_;
  Counters counters_;
};

}  // namespace shardcast
