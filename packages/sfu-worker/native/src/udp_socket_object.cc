#include "udp_socket_object.h"

#include <algorithm>

#include "arguments.h"
#include "callback.h"

namespace shardcast {
namespace {

constexpr double kMaxBytes = 1 << 30;
const napi_type_tag kTag = {0x5b1f0c7ad4e24c11, 0x9d2a6f3e80b7c5d4};

std::optional<Address> AddressFrom(Napi::Env env, Napi::Value literal, Napi::Value port, int family) {
  const auto text = Text(literal);
  const auto number = Whole(env, port, 65535);
  if (!text || !number) return std::nullopt;
  return Address::Parse(*text, static_cast<uint16_t>(*number), family);
}

}  // namespace

void UdpSocketObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("UdpSocket",
              DefineClass(env, "UdpSocket",
                          {InstanceMethod<&UdpSocketObject::Start>("start"),
                           InstanceMethod<&UdpSocketObject::Receive>("receive"),
                           InstanceMethod<&UdpSocketObject::Source>("source"),
                           InstanceMethod<&UdpSocketObject::Know>("know"),
                           InstanceMethod<&UdpSocketObject::Forget>("forget"),
                           InstanceMethod<&UdpSocketObject::Send>("send"),
                           InstanceMethod<&UdpSocketObject::Statistics>("statistics"),
                           InstanceMethod<&UdpSocketObject::QueuedBytes>("queuedBytes"),
                           InstanceMethod<&UdpSocketObject::Close>("close")}));
}

UdpSocketObject* UdpSocketObject::From(Napi::Env env, Napi::Value value) {
  bool is_ours = false;
  if (!value.IsObject() || napi_check_object_type_tag(env, value, &kTag, &is_ours) != napi_ok || !is_ours) return nullptr;
  return Unwrap(value.As<Napi::Object>());
}

/// ({ host, port, bufferBytes, queueBytes, offload, memory, isOneOfMany })
UdpSocketObject::UdpSocketObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UdpSocketObject>(info) {
  const Napi::Error error = Open(info);
  if (!error.IsEmpty()) error.ThrowAsJavaScriptException();
}

/// Empty when it is open.
Napi::Error UdpSocketObject::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsObject()) return Napi::TypeError::New(env, "options are missing");
  const Napi::Object options = info[0].As<Napi::Object>();
  const auto host = Text(options.Get("host"));
  const auto port = Whole(env, options.Get("port"), 65535);
  const auto buffer_bytes = Whole(env, options.Get("bufferBytes"), kMaxBytes);
  const auto queue_bytes = Whole(env, options.Get("queueBytes"), kMaxBytes);
  const Napi::Value memory = options.Get("memory");
  const std::span<uint8_t> slots = Bytes(env, memory);
  if (!host || !port || !buffer_bytes || !queue_bytes) return Napi::TypeError::New(env, "options are malformed");
  if (slots.size() < UdpSocket::kReceiveSlots * UdpSocket::kReceiveSlotBytes) {
    return Napi::TypeError::New(env, "the memory is too small");
  }
  auto socket = std::make_unique<UdpSocket>(static_cast<size_t>(*queue_bytes));
  const int failure = socket->Open(*host, static_cast<uint16_t>(*port), static_cast<int>(*buffer_bytes),
                                   options.Get("offload").ToBoolean());
  if (failure != 0) {
    // As node:dgram words it, for who reads either.
    const std::string code = uv_err_name(-failure);
    Napi::Error error = Napi::Error::New(env, "bind " + code + " " + *host + ":" + std::to_string(*port));
    error.Set("code", Napi::String::New(env, code));
    return error;
  }
  is_one_of_many_ = options.Get("isOneOfMany").ToBoolean();
  socket->UseMemory(slots);
  memory_ = Napi::Reference<Napi::Uint8Array>::New(memory.As<Napi::Uint8Array>(), 1);
  socket_ = std::move(socket);
  Napi::Object self = info.This().As<Napi::Object>();
  napi_type_tag_object(env, self, &kTag);
  // Values, not accessors: Node-API checks whose method is called on what, but not whose accessor.
  self.DefineProperties({Napi::PropertyDescriptor::Value("port", Napi::Number::New(env, socket_->port()), napi_enumerable),
                         Napi::PropertyDescriptor::Value(
                             "family", Napi::Number::New(env, socket_->family() == AF_INET6 ? 6 : 4), napi_enumerable)});
  return {};
}

UdpSocketObject::~UdpSocketObject() { CloseNow(); }

/// (onReadable): called when datagrams wait to be received.
Napi::Value UdpSocketObject::Start(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!socket_ || poll_.is_open() || info.Length() < 1 || !info[0].IsFunction()) {
    Napi::Error::New(env, "the socket cannot be started").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  on_readable_ = Napi::Persistent(info[0].As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env, "ShardcastUdpSocket");
  if (!poll_.Open(env, socket_->fd(), this, is_one_of_many_)) {
    Napi::Error::New(env, "the socket cannot be watched").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  poll_.CloseWithThread(env);
  Ref();  // not to be collected while it is open
  Poll();
  return env.Undefined();
}

void UdpSocketObject::WatchQueue() {
  if (poll_.is_open() && socket_->has_queued() && (watched_ & UV_WRITABLE) == 0) Poll();
}

void UdpSocketObject::Poll() {
  watched_ = UV_READABLE | (socket_->has_queued() ? UV_WRITABLE : 0);
  poll_.For(watched_);
}

void UdpSocketObject::OnReady(int status, int events) {
  if ((events & UV_WRITABLE) != 0) {
    socket_->SendQueued();
    Poll();
  }
  if (status == 0 && (events & UV_READABLE) == 0) return;
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  CallBack(env, *context_, on_readable_);
}

/// (out): receives a lot and describes it in an Int32Array by offset, bytes, peer and message; how many there are.
Napi::Value UdpSocketObject::Receive(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::span<int32_t> out = info.Length() > 0 ? Ints(env, info[0]) : std::span<int32_t>();
  if (!socket_) return Napi::Number::New(env, 0);
  socket_->UseMemory(Bytes(env, memory_.Value()));  // none, should it have been transferred away
  size_t count = 0;
  for (const Datagram& datagram : socket_->Receive()) {
    if ((count + 1) * 4 > out.size()) break;
    int32_t* at = out.data() + count * 4;
    at[0] = static_cast<int32_t>(datagram.offset);
    at[1] = static_cast<int32_t>(datagram.bytes);
    at[2] = static_cast<int32_t>(datagram.peer);
    at[3] = static_cast<int32_t>(datagram.message);
    count++;
  }
  return Napi::Number::New(env, static_cast<double>(count));
}

/// (message): where a message of the last `receive` came from.
Napi::Value UdpSocketObject::Source(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto message = info.Length() > 0 ? Whole(env, info[0], UdpSocket::kReceiveSlots - 1) : std::nullopt;
  if (!socket_ || !message) return env.Undefined();
  const Address& source = socket_->Source(static_cast<size_t>(*message));
  Napi::Object result = Napi::Object::New(env);
  result.Set("address", Napi::String::New(env, source.Literal()));
  result.Set("port", Napi::Number::New(env, source.port()));
  return result;
}

/// (address, port, peer): datagrams from there carry the number `peer`, 1 or greater.
Napi::Value UdpSocketObject::Know(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!socket_ || info.Length() < 3) return Napi::Boolean::New(env, false);
  const auto address = AddressFrom(env, info[0], info[1], socket_->family());
  const auto peer = Whole(env, info[2], 0x7fffffff);
  if (address && peer) socket_->Know(*address, static_cast<uint32_t>(*peer));
  return Napi::Boolean::New(env, address && peer);
}

Napi::Value UdpSocketObject::Forget(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!socket_ || info.Length() < 2) return env.Undefined();
  const auto address = AddressFrom(env, info[0], info[1], socket_->family());
  if (address) socket_->Forget(*address);
  return env.Undefined();
}

/// (bytes, start, length, address, port): false when it was neither sent nor kept.
Napi::Value UdpSocketObject::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!socket_ || info.Length() < 5) return Napi::Boolean::New(env, false);
  const std::span<uint8_t> bytes = Bytes(env, info[0]);
  const auto start = Whole(env, info[1], static_cast<double>(bytes.size()));
  const auto length =
      start ? Whole(env, info[2], static_cast<double>(std::min(bytes.size() - static_cast<size_t>(*start),
                                                               UdpSocket::kMaxMessageBytes)))
            : std::nullopt;
  const auto address = AddressFrom(env, info[3], info[4], socket_->family());
  if (!length || !address) return Napi::Boolean::New(env, false);
  Message message;
  message.destination = &*address;
  message.data = bytes.data() + *start;
  message.bytes = message.segment_bytes = static_cast<uint32_t>(*length);
  message.segments = 1;
  socket_->Send(std::span(&message, 1));
  WatchQueue();
  return Napi::Boolean::New(env, message.dropped_segments == 0);
}

/// (out): datagrams out, send errors, refusals of offload, truncated; and whether segments go out, and come in, at once.
Napi::Value UdpSocketObject::Statistics(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::span<double> out = info.Length() > 0 ? Doubles(env, info[0]) : std::span<double>();
  if (!socket_ || out.size() < 6) return env.Undefined();
  const UdpSocket::Counters& counters = socket_->counters();
  out[0] = static_cast<double>(counters.datagrams_out);
  out[1] = static_cast<double>(counters.send_errors);
  out[2] = static_cast<double>(counters.offload_refusals);
  out[3] = static_cast<double>(counters.truncated);
  out[4] = socket_->segments() ? 1 : 0;
  out[5] = socket_->coalesces() ? 1 : 0;
  return env.Undefined();
}

Napi::Value UdpSocketObject::Close(const Napi::CallbackInfo& info) {
  const bool was_started = poll_.is_open();
  CloseNow();
  if (was_started) Unref();
  on_readable_.Reset();  // it refers to who has this socket: together they would never be collected
  return info.Env().Undefined();
}

Napi::Value UdpSocketObject::QueuedBytes(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), socket_ ? static_cast<double>(socket_->queued_bytes()) : 0);
}

void UdpSocketObject::CloseNow() {
  poll_.Close();
  if (socket_) socket_->Close();
}

}  // namespace shardcast
