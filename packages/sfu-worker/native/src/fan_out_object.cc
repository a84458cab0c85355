#include "fan_out_object.h"

#include "arguments.h"
#include "srtp_object.h"

namespace shardcast {

void FanOutObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("FanOut", DefineClass(env, "FanOut",
                                    {InstanceMethod<&FanOutObject::OpenChannel>("openChannel"),
                                     InstanceMethod<&FanOutObject::SetDestination>("setDestination"),
                                     InstanceMethod<&FanOutObject::CloseChannel>("closeChannel"),
                                     InstanceMethod<&FanOutObject::Forward>("forward")}));
}

/// (socket, sessionCounters)
FanOutObject::FanOutObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FanOutObject>(info) {
  Napi::Env env = info.Env();
  socket_ = info.Length() < 2 ? nullptr : UdpSocketObject::From(env, info[0]);
  const std::span<double> counters = info.Length() < 2 ? std::span<double>() : Doubles(env, info[1]);
  if (socket_ == nullptr || socket_->socket() == nullptr || counters.empty()) {
    Napi::TypeError::New(env, "a socket and counters are needed").ThrowAsJavaScriptException();
    return;
  }
  socket_reference_ = Napi::Persistent(info[0].As<Napi::Object>());
  counters_ = Napi::Reference<Napi::Float64Array>::New(info[1].As<Napi::Float64Array>(), 1);
  fan_out_ = std::make_unique<FanOut>(*socket_->socket());
}

/// (profile, key, authentication, salt): the channel's number.
Napi::Value FanOutObject::OpenChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto cipher = CipherFrom(env, info, true);
  if (!cipher || !fan_out_) {
    Napi::TypeError::New(env, "not a profile with its session keys").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Number::New(env, fan_out_->OpenChannel(std::move(cipher)));
}

/// (channel, address, port)
Napi::Value FanOutObject::SetDestination(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!fan_out_ || info.Length() < 3) return Napi::Boolean::New(env, false);
  const auto channel = Whole(env, info[0], 0x7fffffff);
  const auto text = Text(info[1]);
  const auto port = Whole(env, info[2], 65535);
  if (!channel || !text || !port) return Napi::Boolean::New(env, false);
  const auto address = Address::Parse(*text, static_cast<uint16_t>(*port), socket_->socket()->family());
  return Napi::Boolean::New(env, address && fan_out_->SetDestination(static_cast<uint32_t>(*channel), *address));
}

Napi::Value FanOutObject::CloseChannel(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto channel = info.Length() > 0 ? Whole(env, info[0], 0x7fffffff) : std::nullopt;
  if (fan_out_ && channel) fan_out_->CloseChannel(static_cast<uint32_t>(*channel));
  return env.Undefined();
}

/// (columns, count, buffers, timestamps | undefined, rows, ids, legs, nowMs, result): false when they do not fit.
Napi::Value FanOutObject::Forward(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto refuse = [&] { return Napi::Boolean::New(env, false); };
  if (!fan_out_ || info.Length() < 9) return refuse();
  const std::span<uint8_t> columns = Bytes(env, info[0]);
  const size_t capacity = columns.size() / batch::kPacketBytes;
  const auto count = Whole(env, info[1], static_cast<double>(capacity));
  const std::span<double> rows = Doubles(env, info[4]);
  const std::span<int32_t> ids = Ints(env, info[5]);
  const auto legs = Whole(env, info[6], static_cast<double>(ids.size()));
  double now_ms = 0;
  const std::span<double> out = Doubles(env, info[8]);
  if (!count || !legs || napi_get_value_double(env, info[7], &now_ms) != napi_ok || out.size() < result::kDoubles ||
      reinterpret_cast<uintptr_t>(columns.data()) % alignof(double) != 0) {
    return refuse();
  }

  PacketBatch batch;
  batch.count = static_cast<size_t>(*count);
  const uint8_t* column = columns.data();
  batch.index = {reinterpret_cast<const double*>(column), capacity};
  column += capacity * batch::kIndexBytes;
  batch.timestamp = {reinterpret_cast<const double*>(column), capacity};
  column += capacity * batch::kTimestampBytes;
  batch.payload_start = {reinterpret_cast<const int32_t*>(column), capacity};
  column += capacity * batch::kStartBytes;
  batch.payload_end = {reinterpret_cast<const int32_t*>(column), capacity};
  column += capacity * batch::kEndBytes;
  batch.flags = {column, capacity};
  if (!info[3].IsUndefined()) {
    const std::span<double> timestamps = Doubles(env, info[3]);
    if (timestamps.size() < batch.count) return refuse();
    batch.timestamp = timestamps;
  }

  bool is_array = false;
  if (napi_is_array(env, info[2], &is_array) != napi_ok || !is_array) return refuse();
  buffers_.clear();
  napi_value last = nullptr;
  for (uint32_t i = 0; i < batch.count; i++) {
    napi_value buffer;
    if (napi_get_element(env, info[2], i, &buffer) != napi_ok) return refuse();
    bool is_same = false;
    if (last != nullptr) napi_strict_equals(env, buffer, last, &is_same);
    buffers_.push_back(is_same ? buffers_.back() : std::span<const uint8_t>(Bytes(env, buffer)));
    last = buffer;
  }
  batch.buffers = buffers_;

  const ForwardResult result = fan_out_->Forward(batch, Doubles(env, counters_.Value()), rows, ids.first(static_cast<size_t>(*legs)), now_ms);
  out[result::kSent] = static_cast<double>(result.sent);
  out[result::kTooBig] = static_cast<double>(result.too_big);
  out[result::kNoRoom] = static_cast<double>(result.no_room);
  out[result::kStarvedLegs] = static_cast<double>(result.starved_legs);
  socket_->WatchQueue();
  return Napi::Boolean::New(env, true);
}

}  // namespace shardcast
