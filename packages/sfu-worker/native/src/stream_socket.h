// A connected TCP socket that reads when there is something to read, once a turn, into memory of its caller.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "address.h"

namespace shardcast {

class StreamSocket {
 public:
  /// Owns the descriptor from here on.
  explicit StreamSocket(int fd) : fd_(fd) {}
  ~StreamSocket() { Close(); }
  StreamSocket(const StreamSocket&) = delete;
  StreamSocket& operator=(const StreamSocket&) = delete;

  /// Whether the descriptor is one of a TCP socket; makes it non-blocking.
  static bool Prepare(int fd);

  int fd() const { return fd_; }
  std::optional<Address> Peer() const;
  std::optional<Address> Local() const;

  /// Bytes read; 0 at the peer's end; a negative errno, -EAGAIN when there is nothing now.
  ptrdiff_t Receive(std::span<uint8_t> memory);
  /// Bytes that the kernel took, as many as it takes at once, maybe 0; a negative errno.
  ptrdiff_t Send(std::span<const uint8_t> bytes);
  void Close();

 private:
  int fd_;
};

}  // namespace shardcast
