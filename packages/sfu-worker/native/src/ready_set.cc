#include "ready_set.h"

#include <unistd.h>

#include <algorithm>

namespace shardcast {
namespace {

/// A thread's instance of the addon.
struct ThreadData {
  std::weak_ptr<ReadySet> ready_set;
};

}  // namespace

std::shared_ptr<ReadySet> ReadySet::Of(Napi::Env env) {
  auto* data = env.GetInstanceData<ThreadData>();
  if (data == nullptr) {
    data = new ThreadData;
    env.SetInstanceData(data);
  }
  std::shared_ptr<ReadySet> set = data->ready_set.lock();
  if (set != nullptr && set->poll_ != nullptr) return set;
  set = std::shared_ptr<ReadySet>(new ReadySet);
  if (!set->Open(env)) return nullptr;
  set->self_ = set;
  data->ready_set = set;
  return set;
}

bool ReadySet::Open(Napi::Env env) {
  uv_loop_t* loop = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return false;
  epoll_ = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_ < 0) return false;
  auto* poll = new uv_poll_t;
  if (uv_poll_init(loop, poll, epoll_) != 0) {
    delete poll;
    Close();
    return false;
  }
  poll->data = this;
  poll_ = poll;
  // A thread that is terminated closes its handles before its loop goes; members have done so by then.
  napi_add_async_cleanup_hook(
      env, [](napi_async_cleanup_hook_handle, void* set) { static_cast<ReadySet*>(set)->Close(); }, this, &cleanup_);
  return true;
}

void ReadySet::Close() {
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
  if (epoll_ >= 0) close(epoll_);
  epoll_ = -1;
  next_ = count_ = 0;
}

bool ReadySet::Add(int descriptor, Member* member) {
  epoll_event event{};
  event.data.ptr = member;
  if (poll_ == nullptr || epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) != 0) return false;
  epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  if (members_++ == 0) {
    uv_poll_start(poll_, UV_READABLE, [](uv_poll_t* poll, int, int) {
      if (poll->data != nullptr) static_cast<ReadySet*>(poll->data)->OnReady();
    });
  }
  return true;
}

void ReadySet::For(int descriptor, Member* member, uint32_t events) {
  if (epoll_ < 0) return;
  // Without an event epoll still tells errors, again and again.
  if (events == 0) {
    epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
    return;
  }
  epoll_event event{};
  event.events = events;
  event.data.ptr = member;
  if (epoll_ctl(epoll_, EPOLL_CTL_MOD, descriptor, &event) != 0) epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
}

void ReadySet::Remove(int descriptor, Member* member) {
  // Explicitly: another descriptor of the same socket may live on, and with it what epoll knows.
  if (epoll_ >= 0) epoll_ctl(epoll_, EPOLL_CTL_DEL, descriptor, nullptr);
  for (int i = next_; i < count_; i++) {
    if (lot_[static_cast<size_t>(i)].data.ptr == member) lot_[static_cast<size_t>(i)].data.ptr = nullptr;
  }
  if (--members_ == 0 && poll_ != nullptr) uv_poll_stop(poll_);
}

void ReadySet::OnReady() {
  const std::shared_ptr<ReadySet> keep = self_.lock();
  const uint64_t until = uv_hrtime() + kTurnNanos;
  if (next_ == count_) {
    next_ = 0;
    count_ = std::max(0, epoll_wait(epoll_, lot_.data(), kAtOnce, 0));
  }
  while (next_ < count_) {
    const epoll_event& event = lot_[static_cast<size_t>(next_++)];
    const uint32_t events = event.events;
    if (event.data.ptr != nullptr) static_cast<Member*>(event.data.ptr)->OnReady(events);
    if (uv_hrtime() >= until) break;
  }
}

}  // namespace shardcast
