#pragma once
#include <napi.h>

#include <memory>

#include "poll_watch.h"
#include "udp_socket.h"

namespace shardcast {

/// `UdpSocket`: a socket on the calling thread's own event loop.
class UdpSocketObject : public Napi::ObjectWrap<UdpSocketObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  /// The instance behind a value; null when it is something else.
  static UdpSocketObject* From(Napi::Env env, Napi::Value value);

  explicit UdpSocketObject(const Napi::CallbackInfo& info);
  ~UdpSocketObject() override;
  UdpSocket* socket() { return socket_.get(); }
  /// Watches for room in the kernel while datagrams are kept back.
  void WatchQueue();

 private:
  friend class PollWatch<UdpSocketObject>;

  Napi::Value Start(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Source(const Napi::CallbackInfo& info);
  Napi::Value Know(const Napi::CallbackInfo& info);
  Napi::Value Forget(const Napi::CallbackInfo& info);
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Statistics(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);
  Napi::Value QueuedBytes(const Napi::CallbackInfo& info);

  Napi::Error Open(const Napi::CallbackInfo& info);
  void Poll();
  void OnReady(int status, int events);
  void CloseNow();

  std::unique_ptr<UdpSocket> socket_;
  Napi::Reference<Napi::Uint8Array> memory_;
  Napi::FunctionReference on_readable_;
  std::unique_ptr<Napi::AsyncContext> context_;
  PollWatch<UdpSocketObject> poll_;
  int watched_ = 0;
  bool is_one_of_many_ = false;
};

}  // namespace shardcast
