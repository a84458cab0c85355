#pragma once
#include <napi.h>

#include <memory>
#include <vector>

#include "fan_out.h"
#include "udp_socket_object.h"

namespace shardcast {

/// `FanOut`: a worker's sending side.
class FanOutObject : public Napi::ObjectWrap<FanOutObject> {
 public:
  static void Define(Napi::Env env, Napi::Object exports);
  explicit FanOutObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value OpenChannel(const Napi::CallbackInfo& info);
  Napi::Value SetDestination(const Napi::CallbackInfo& info);
  Napi::Value CloseChannel(const Napi::CallbackInfo& info);
  Napi::Value Forward(const Napi::CallbackInfo& info);

  UdpSocketObject* socket_ = nullptr;
  Napi::ObjectReference socket_reference_;
  Napi::Reference<Napi::Float64Array> counters_;
  std::unique_ptr<FanOut> fan_out_;
  std::vector<std::span<const uint8_t>> buffers_;
};

}  // namespace shardcast
