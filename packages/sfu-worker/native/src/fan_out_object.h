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

  /// The only part of a call that may run JavaScript.
  bool ReadBuffers(napi_env env, napi_value buffers, size_t count);

  UdpSocketObject* socket_ = nullptr;
  Napi::ObjectReference socket_reference_;
  Napi::Reference<Napi::Float64Array> counters_reference_;
  Napi::Reference<Napi::Float64Array> call_reference_;
  std::span<double> counters_;
  std::span<double> call_;
  std::unique_ptr<FanOut> fan_out_;
  std::vector<napi_value> values_;
  std::vector<std::span<const uint8_t>> buffers_;
};

}  // namespace shardcast
