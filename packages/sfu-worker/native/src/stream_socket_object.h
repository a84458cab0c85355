#pragma once
#include <napi.h>

#include <memory>

#include "poll_watch.h"
#include "stream_socket.h"

namespace shardcast {

/// `StreamSocket`: a connected TCP socket on the calling thread's own event loop.
class StreamSocketObject : public Napi::ObjectWrap<StreamSocketObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  explicit StreamSocketObject(const Napi::CallbackInfo& info);
  ~StreamSocketObject() override;

 private:
  friend class PollWatch<StreamSocketObject>;

  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  /// Empty when it is open.
  Napi::Error Open(const Napi::CallbackInfo& info);
  void OnReady(int status, int events);
  void CloseNow();

  std::unique_ptr<StreamSocket> socket_;
  Napi::Reference<Napi::Uint8Array> memory_;
  Napi::FunctionReference on_read_;
  Napi::FunctionReference on_writable_;
  std::unique_ptr<Napi::AsyncContext> context_;
  PollWatch<StreamSocketObject> poll_;
};

}  // namespace shardcast
