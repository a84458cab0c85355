#include "stream_socket_object.h"

#include <algorithm>
#include <atomic>
#include <cerrno>

#include "arguments.h"
#include "callback.h"

namespace shardcast {
namespace {

/// Values of a `DescriptorClaim` (shared/rtsp/handover.ts).
constexpr int32_t kMains = 0;
constexpr int32_t kWorkers = 1;

bool Pass(int32_t& owner, int32_t from, int32_t to) {
  return std::atomic_ref<int32_t>(owner).compare_exchange_strong(from, to);
}

}  // namespace

void StreamSocketObject::Define(Napi::Env env, Napi::Object exports) {
  exports.Set("StreamSocket",
              DefineClass(env, "StreamSocket",
                          {InstanceMethod<&StreamSocketObject::Send>("send"),
                           InstanceMethod<&StreamSocketObject::Watch>("watch"),
                           InstanceMethod<&StreamSocketObject::Close>("close")}));
}

/// ({ descriptor, claim, memory, onRead, onWritable }): takes the descriptor over, or throws and does not.
StreamSocketObject::StreamSocketObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<StreamSocketObject>(info) {
  const Napi::Error error = Open(info);
  if (!error.IsEmpty()) error.ThrowAsJavaScriptException();
}

Napi::Error StreamSocketObject::Open(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (info.Length() < 1 || !info[0].IsObject()) return Napi::TypeError::New(env, "options are missing");
  const Napi::Object options = info[0].As<Napi::Object>();
  // First, as they may be getters, which could transfer away any memory that was looked up before.
  const Napi::Value number = options.Get("descriptor");
  const Napi::Value owner = options.Get("claim");
  const Napi::Value memory = options.Get("memory");
  const Napi::Value on_read = options.Get("onRead");
  const Napi::Value on_writable = options.Get("onWritable");
  if (env.IsExceptionPending()) return env.GetAndClearPendingException();
  const auto descriptor = Whole(env, number, 0x7fffffff);
  const std::span<int32_t> claim = Ints(env, owner);
  if (!descriptor || claim.empty() || Bytes(env, memory).empty() || !on_read.IsFunction() ||
      !on_writable.IsFunction()) {
    return Napi::TypeError::New(env, "options are malformed");
  }
  const int fd = static_cast<int>(*descriptor);
  // The thread can be ended between any two lines of JavaScript, but not in here: what is taken will be closed.
  if (!Pass(claim[0], kMains, kWorkers)) return Napi::Error::New(env, "the descriptor was withdrawn");
  if (!StreamSocket::Prepare(fd) || !poll_.Open(env, fd, this, true)) {
    Pass(claim[0], kWorkers, kMains);
    return Napi::Error::New(env, "the descriptor is no TCP socket that can be watched");
  }
  socket_ = std::make_unique<StreamSocket>(fd);
  memory_ = Napi::Reference<Napi::Uint8Array>::New(memory.As<Napi::Uint8Array>(), 1);
  on_read_ = Napi::Persistent(on_read.As<Napi::Function>());
  on_writable_ = Napi::Persistent(on_writable.As<Napi::Function>());
  context_ = std::make_unique<Napi::AsyncContext>(env, "ShardcastStreamSocket");
  poll_.CloseWithThread(env);
  // Values, not accessors: Node-API checks whose method is called on what, but not whose accessor.
  const auto literal = [&](const std::optional<Address>& address) {
    return Napi::String::New(env, address ? address->Literal() : "");
  };
  info.This().As<Napi::Object>().DefineProperties(
      {Napi::PropertyDescriptor::Value("remoteAddress", literal(socket_->Peer()), napi_enumerable),
       Napi::PropertyDescriptor::Value("localAddress", literal(socket_->Local()), napi_enumerable)});
  Ref();  // not to be collected while it is open
  poll_.For(UV_READABLE);
  return {};
}

StreamSocketObject::~StreamSocketObject() { CloseNow(); }

/// One read a turn of the loop, whatever there is: a peer that floods must not keep the others waiting.
void StreamSocketObject::OnReady(int status, int events) {
  Napi::Env env = Env();
  Napi::HandleScope scope(env);
  if ((events & UV_WRITABLE) != 0) CallBack(env, *context_, on_writable_);
  if (!poll_.is_open() || (status == 0 && (events & UV_READABLE) == 0)) return;
  ptrdiff_t received = socket_->Receive(Bytes(env, memory_.Value()));
  if (received == -EAGAIN && status == 0) return;
  if (received == -EAGAIN) received = status;  // libuv gave up on it
  napi_value bytes;
  napi_create_int32(env, static_cast<int32_t>(received), &bytes);
  CallBack(env, *context_, on_read_, {bytes});
}

/// (bytes, start): how many of them the kernel took, or a negative errno.
Napi::Value StreamSocketObject::Send(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const std::span<uint8_t> bytes = info.Length() > 0 ? Bytes(env, info[0]) : std::span<uint8_t>();
  const auto start = info.Length() > 1 ? Whole(env, info[1], static_cast<double>(bytes.size())) : std::nullopt;
  if (!socket_ || !start) return Napi::Number::New(env, -EPIPE);
  return Napi::Number::New(env, static_cast<double>(socket_->Send(bytes.subspan(static_cast<size_t>(*start)))));
}

/// (isRead, isWrite): what to call back for.
Napi::Value StreamSocketObject::Watch(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  if (!poll_.is_open() || info.Length() < 2) return env.Undefined();
  poll_.For((info[0].ToBoolean() ? UV_READABLE : 0) | (info[1].ToBoolean() ? UV_WRITABLE : 0));
  return env.Undefined();
}

Napi::Value StreamSocketObject::Close(const Napi::CallbackInfo& info) {
  const bool was_open = poll_.is_open();
  CloseNow();
  if (was_open) Unref();
  // They refer to who has this socket: together none of them would ever be collected.
  on_read_.Reset();
  on_writable_.Reset();
  return info.Env().Undefined();
}

void StreamSocketObject::CloseNow() {
  poll_.Close();
  if (socket_) socket_->Close();  // another descriptor of the same socket may live on
}

}  // namespace shardcast
