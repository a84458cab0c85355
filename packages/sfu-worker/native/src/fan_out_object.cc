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

/// (socket, sessionCounters, call): both in shared memory.
FanOutObject::FanOutObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FanOutObject>(info) {
  Napi::Env env = info.Env();
  socket_ = info.Length() < 3 ? nullptr : UdpSocketObject::From(env, info[0]);
  if (socket_ != nullptr) {
    counters_ = SharedDoubles(env, info[1]);
    call_ = SharedDoubles(env, info[2]);
  }
  if (socket_ == nullptr || socket_->socket() == nullptr || counters_.empty() || call_.size() < call::kDoubles) {
    Napi::TypeError::New(env, "a socket and shared counters are needed").ThrowAsJavaScriptException();
    return;
  }
  socket_reference_ = Napi::Persistent(info[0].As<Napi::Object>());
  counters_reference_ = Napi::Reference<Napi::Float64Array>::New(info[1].As<Napi::Float64Array>(), 1);
  call_reference_ = Napi::Reference<Napi::Float64Array>::New(info[2].As<Napi::Float64Array>(), 1);
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

/// (columns, buffers, rows, ids, timestamps | undefined), numbers in `call_`: false when they do not fit. `buffers` is an
/// array, or the one buffer of all packets.
Napi::Value FanOutObject::Forward(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto refuse = [&] { return Napi::Boolean::New(env, false); };
  if (!fan_out_ || info.Length() < 4) return refuse();
  const auto count = Whole(call_[call::kPackets], static_cast<double>(Bytes(env, info[0]).size() / batch::kPacketBytes));
  // First, as an array's element may be a getter, and that could transfer away any memory that was looked up before.
  if (!count || !ReadBuffers(env, info[1], static_cast<size_t>(*count))) return refuse();
  const std::span<uint8_t> columns = Bytes(env, info[0]);
  const size_t capacity = columns.size() / batch::kPacketBytes;
  const std::span<double> rows = Doubles(env, info[2]);
  const std::span<int32_t> ids = Ints(env, info[3]);
  const auto legs = Whole(call_[call::kLegs], static_cast<double>(ids.size()));
  const double now_ms = call_[call::kNowMs];
  if (*count > capacity || !legs || reinterpret_cast<uintptr_t>(columns.data()) % alignof(double) != 0) return refuse();

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
  if (info.Length() > 4 && !info[4].IsUndefined()) {
    const std::span<double> timestamps = Doubles(env, info[4]);
    if (timestamps.size() < batch.count) return refuse();
    batch.timestamp = timestamps;
  }

  batch.buffers = buffers_;

  const ForwardResult result =
      fan_out_->Forward(batch, counters_, rows, ids.first(static_cast<size_t>(*legs)), now_ms);
  call_[call::kSent] = static_cast<double>(result.sent);
  call_[call::kTooBig] = static_cast<double>(result.too_big);
  call_[call::kNoRoom] = static_cast<double>(result.no_room);
  call_[call::kStarvedLegs] = static_cast<double>(result.starved_legs);
  socket_->WatchQueue();
  return Napi::Boolean::New(env, true);
}

bool FanOutObject::ReadBuffers(napi_env env, napi_value buffers, size_t count) {
  const std::span<const uint8_t> common = Bytes(env, buffers);
  if (common.data() != nullptr) {
    buffers_.assign(count, common);
    return true;
  }
  bool is_array = false;
  if (napi_is_array(env, buffers, &is_array) != napi_ok || !is_array) return false;
  uint32_t length = 0;
  if (napi_get_array_length(env, buffers, &length) != napi_ok || length < count) return false;
  values_.clear();
  for (uint32_t i = 0; i < count; i++) {
    napi_value value;
    if (napi_get_element(env, buffers, i, &value) != napi_ok) return false;
    values_.push_back(value);
  }
  // No JavaScript runs from here on.
  buffers_.clear();
  for (size_t i = 0; i < count; i++) {
    bool is_same = false;
    if (i > 0) napi_strict_equals(env, values_[i], values_[i - 1], &is_same);
    buffers_.push_back(is_same ? buffers_.back() : std::span<const uint8_t>(Bytes(env, values_[i])));
  }
  return true;
}

}  // namespace shardcast
