#pragma once
#include <napi.h>
#include <uv.h>

#include <memory>

#include "stream_socket.h"

namespace shardcast {

/// `StreamSocket`: a connected TCP socket on the calling thread's own event loop.
class StreamSocketObject : public Napi::ObjectWrap<StreamSocketObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  explicit StreamSocketObject(const Napi::CallbackInfo& info);
  ~StreamSocketObject() override;

 private:
  Napi::Value Send(const Napi::CallbackInfo& info);
  Napi::Value Watch(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  /// Empty when it is open.
  Napi::Error Open(const Napi::CallbackInfo& info);
  void OnReady(int status, int events);
  void Poll(int events);
  void CloseNow();

  std::unique_ptr<StreamSocket> socket_;
  Napi::Reference<Napi::Uint8Array> memory_;
  Napi::FunctionReference on_read_;
  Napi::FunctionReference on_writable_;
  std::unique_ptr<Napi::AsyncContext> context_;
  /// Lives until libuv has closed it, longer than this object.
  uv_poll_t* poll_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
};

}  // namespace shardcast
