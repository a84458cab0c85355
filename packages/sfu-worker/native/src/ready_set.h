// The many sockets of a thread: one handle of its event loop, and a share of each turn of it.
#pragma once
#include <napi.h>
#include <sys/epoll.h>
#include <uv.h>

#include <array>
#include <cstdint>
#include <memory>

namespace shardcast {

/**
 * Descriptors that are watched through an epoll set of their own, so that a thousand busy ones cannot keep a turn of the
 * loop going for seconds: a turn ends after `kTurnNanos`, and the kernel hands out those that wait in order, the last
 * served last.
 */
class ReadySet {
 public:
  class Member {
   public:
    /// @param events of epoll; may name some that are no longer watched for
    virtual void OnReady(uint32_t events) = 0;

   protected:
    ~Member() = default;
  };

  /// The calling thread's, made by its first user. Null when the system has no descriptor left for it.
  static std::shared_ptr<ReadySet> Of(Napi::Env env);

  ~ReadySet() { Close(); }
  ReadySet(const ReadySet&) = delete;
  ReadySet& operator=(const ReadySet&) = delete;

  /// False when the descriptor cannot be watched. `member` is to be removed before either ends.
  bool Add(int descriptor, Member* member);
  /// @param events EPOLLIN and EPOLLOUT; 0 for none, not even errors
  void For(int descriptor, Member* member, uint32_t events);
  void Remove(int descriptor, Member* member);

 private:
  static constexpr uint64_t kTurnNanos = 5'000'000;
  static constexpr int kAtOnce = 64;

  ReadySet() = default;
  bool Open(Napi::Env env);
  void Close();
  void OnReady();

  int epoll_ = -1;
  /// Lives until libuv has closed it.
  uv_poll_t* poll_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  int members_ = 0;
  /// Those that the kernel named last, [next_, count_) not yet served.
  std::array<epoll_event, kAtOnce> lot_;
  int next_ = 0;
  int count_ = 0;
  std::weak_ptr<ReadySet> self_;
};

}  // namespace shardcast
