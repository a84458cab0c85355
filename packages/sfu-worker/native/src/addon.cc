// What JavaScript sees. The types are written down in fastpath/native-addon.ts.
#include <fcntl.h>
#include <napi.h>

#include <cstring>

#include "address.h"
#include "arguments.h"
#include "dtls_object.h"
#include "fan_out_object.h"
#include "layout.h"
#include "srtp_object.h"
#include "stream_socket_object.h"
#include "udp_socket_object.h"
#include "vaes_gcm.h"

namespace shardcast {
namespace {

/// A second descriptor of the same open socket, to be adopted by another thread: the first may be closed then.
Napi::Value DuplicateDescriptor(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  const auto descriptor = info.Length() > 0 ? Whole(env, info[0], 0x7fffffff) : std::nullopt;
  const int copy = descriptor ? fcntl(static_cast<int>(*descriptor), F_DUPFD_CLOEXEC, 3) : -1;
  if (copy < 0) {
    Napi::Error::New(env, std::string("cannot duplicate the descriptor: ") + (descriptor ? strerror(errno) : "none"))
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Number::New(env, copy);
}

Napi::Object DescribeLayout(Napi::Env env) {
  Napi::Object layout = Napi::Object::New(env);
  const auto put = [&](const char* name, size_t value) { layout.Set(name, Napi::Number::New(env, static_cast<double>(value))); };
  put("legChannel", leg::kChannel);
  put("legSsrc", leg::kSsrc);
  put("legPayloadType", leg::kPayloadType);
  put("legCounters", leg::kCounters);
  put("legIndexDelta", leg::kIndexDelta);
  put("legFirstIndex", leg::kFirstIndex);
  put("legTimestampOffset", leg::kTimestampOffset);
  put("legStarved", leg::kStarved);
  put("legDoubles", leg::kDoubles);
  put("counterOut", track_counter::kOut);
  put("counterLastTimestamp", track_counter::kLastTimestamp);
  put("counterPackets", track_counter::kPackets);
  put("counterOctets", track_counter::kOctets);
  put("counterLastTimestampAt", track_counter::kLastTimestampAt);
  put("counterDoubles", track_counter::kDoubles);
  put("batchPacketBytes", batch::kPacketBytes);
  put("batchMarker", batch::kMarker);
  put("callPackets", call::kPackets);
  put("callLegs", call::kLegs);
  put("callNowMs", call::kNowMs);
  put("callDoubles", call::kDoubles);
  put("maxPacketBytes", kMaxPacketBytes);
  put("receiveSlots", UdpSocket::kReceiveSlots);
  put("receiveSlotBytes", UdpSocket::kReceiveSlotBytes);
  return layout;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  UdpSocketObject::Define(env, exports);
  FanOutObject::Define(env, exports);
  SrtpObject::Define(env, exports);
  StreamSocketObject::Define(env, exports);
  DefineDtls(env, exports);
  exports.Set("layout", DescribeLayout(env));
  // What protects packets with AES-GCM on this processor.
  exports.Set("cipher", Napi::String::New(env, VaesGcm::IsSupported() ? "vaes" : "openssl"));
  exports.Set("duplicateDescriptor", Napi::Function::New(env, DuplicateDescriptor, "duplicateDescriptor"));
  return exports;
}

}  // namespace
}  // namespace shardcast

static Napi::Object InitShardcast(Napi::Env env, Napi::Object exports) { return shardcast::Init(env, exports); }
NODE_API_MODULE(shardcast, InitShardcast)
