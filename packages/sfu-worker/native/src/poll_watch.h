#pragma once
#include <napi.h>
#include <uv.h>

#include <memory>

#include "ready_set.h"

namespace shardcast {

/// A descriptor that is watched on the calling thread's own event loop, as part of an object of JavaScript. `Owner` has
/// `OnReady(status, events)`, and `CloseNow()`, which closes this watch too and then the descriptor.
template <typename Owner>
class PollWatch final : private ReadySet::Member {
 public:
  bool is_open() const { return owner_ != nullptr; }

  /// False when the descriptor cannot be watched. Nothing is called before `For`.
  /// @param is_one_of_many takes turns with the thread's others (ReadySet), else it is served in every turn of the loop
  bool Open(Napi::Env env, int descriptor, Owner* owner, bool is_one_of_many) {
    if (is_one_of_many) {
      set_ = ReadySet::Of(env);
      if (set_ == nullptr || !set_->Add(descriptor, this)) return false;
    } else {
      uv_loop_t* loop = nullptr;
      if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
      auto* poll = new uv_poll_t;
      if (uv_poll_init(loop, poll, descriptor) != 0) {
        delete poll;
        return false;
      }
      poll->data = this;
      poll_ = poll;
    }
    descriptor_ = descriptor;
    owner_ = owner;
    return true;
  }

  /// A thread that is terminated closes its handles before its loop goes.
  void CloseWithThread(Napi::Env env) {
    napi_add_async_cleanup_hook(
        env, [](napi_async_cleanup_hook_handle, void* owner) { static_cast<Owner*>(owner)->CloseNow(); }, owner_,
        &cleanup_);
  }

  /// @param events UV_READABLE and UV_WRITABLE; 0 for none
  void For(int events) {
    events_ = events;
    if (set_ != nullptr) {
      set_->For(descriptor_, this, ((events & UV_READABLE) != 0 ? kIn : 0u) | ((events & UV_WRITABLE) != 0 ? kOut : 0u));
    } else if (events == 0) {
      uv_poll_stop(poll_);
    } else {
      uv_poll_start(poll_, events, [](uv_poll_t* poll, int status, int ready) {
        if (poll->data == nullptr) return;
        static_cast<PollWatch*>(poll->data)->owner_->OnReady(status, ready);
      });
    }
  }

  /// The descriptor is to be closed after this. Idempotent.
  void Close() {
    owner_ = nullptr;
    if (set_ != nullptr) {
      set_->Remove(descriptor_, this);
      set_ = nullptr;
    }
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
  static constexpr uint32_t kIn = EPOLLIN;
  static constexpr uint32_t kOut = EPOLLOUT;

  /// An error is told as all that was watched for: the call that is made then says which.
  void OnReady(uint32_t events) override {
    int ready = ((events & kIn) != 0 ? UV_READABLE : 0) | ((events & kOut) != 0 ? UV_WRITABLE : 0);
    if ((events & (EPOLLERR | EPOLLHUP)) != 0) ready = events_;
    if ((ready & events_) != 0 && owner_ != nullptr) owner_->OnReady(0, ready & events_);
  }

  Owner* owner_ = nullptr;
  int descriptor_ = -1;
  int events_ = 0;
  std::shared_ptr<ReadySet> set_;
  /// Lives until libuv has closed it, longer than its owner.
  uv_poll_t* poll_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
};

}  // namespace shardcast
