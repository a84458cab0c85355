#pragma once
#include <napi.h>
#include <uv.h>

namespace shardcast {

/// A descriptor that is watched on the calling thread's own event loop, as part of an object of JavaScript. `Owner` has
/// `OnReady(status, events)`, and `CloseNow()`, which closes this watch too and then the descriptor.
template <typename Owner>
class PollWatch {
 public:
  bool is_open() const { return poll_ != nullptr; }

  /// False when the descriptor cannot be watched. Nothing is called before `For`.
  bool Open(uv_loop_t* loop, int descriptor, Owner* owner) {
    auto* poll = new uv_poll_t;
    if (uv_poll_init(loop, poll, descriptor) != 0) {
      delete poll;
      return false;
    }
    poll->data = owner;
    poll_ = poll;
    return true;
  }

  /// A thread that is terminated closes its handles before its loop goes.
  void CloseWithThread(Napi::Env env) {
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* owner) { static_cast<Owner*>(owner)->CloseNow(); }, poll_->data,
        &cleanup_);
  }

  /// @param events UV_READABLE and UV_WRITABLE; 0 for none
  void For(int events) {
    if (events == 0) {
      uv_poll_stop(poll_);
      return;
    }
    uv_poll_start(poll_, events, [](uv_poll_t* poll, int status, int ready) {
      if (poll->data != nullptr) static_cast<Owner*>(poll->data)->OnReady(status, ready);
    });
  }

  /// The descriptor is to be closed after this, when libuv has let go of it. Idempotent.
  void Close() {
    if (poll_ != nullptr) {
      uv_poll_stop(poll_);
      poll_->data = nullptr;
      uv_close(reinterpret_cast<uv_handle_t*>(poll_),
               [](uv_handle_t* handle) { delete reinterpret_cast<uv_poll_t*>(handle); });
      poll_ = nullptr;
    }
    if (cleanup_ != nullptr) {
      napi_remove_async_cleanup_hook(cleanup_);
      cleanup_ = nullptr;
    }
  }

 private:
  /// Lives until libuv has closed it, longer than its owner.
  uv_poll_t* poll_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
};

}  // namespace shardcast
