// Drives the addon's core, without Node, through random and hostile calls; to be built with the address and
// undefined-behaviour sanitizers. What comes out is compared with a second, slower description of what should.
//
//   core <seconds> <seed>
#include <chrono>
#include <cmath>

#include <sys/mman.h>
#include <unistd.h>

#include <sanitizer/common_interface_defs.h>

#include "../src/fan_out.h"
#include "check.h"
#include "dtls.h"
#include "kernel.h"
#include "random.h"

namespace shardcast {
namespace {

Kernel* kernel = nullptr;  // of the round: the socket takes a plain function

int SendToKernel(int, mmsghdr* headers, unsigned int count, int) { return kernel->Send(headers, count); }

constexpr uint16_t kFirstPort = 2000;
constexpr size_t kCounterDoubles = 3 * track_counter::kDoubles + 1;

/// A session's keys, and what it has been sent.
struct Session {
  bool is_open = false;
  bool has_destination = false;
  uint16_t port = 0;
  std::unique_ptr<SrtpCipher> opener;
  /// Every packet that was to be sent, in order.
  struct Packet {
    uint64_t index;
    std::vector<uint8_t> plain;
  };
  std::vector<Packet> expected;
};

/// A batch, each array in memory of exactly its size.
struct Batch {
  std::vector<double> index;
  std::vector<double> timestamp;
  std::vector<int32_t> start;
  std::vector<int32_t> end;
  std::vector<uint8_t> flags;
  std::vector<std::vector<uint8_t>> memory;
  std::vector<std::span<const uint8_t>> buffers;

  PacketBatch View() const { return {index.size(), index, timestamp, start, end, flags, buffers}; }
};

class Round {
 public:
  explicit Round(Random& random)
      : random_(random),
        queue_limit_(random.OneIn(3) ? random.Below(200'000) : 1 << 24),
        socket_(queue_limit_),
        counters_(kCounterDoubles) {
    kernel_.random = &random;
    kernel = &kernel_;
    CHECK(socket_.Open(random.OneIn(2) ? "127.0.0.1" : "::1", 0, 65536, !random.OneIn(4)) == 0);
    socket_.UseSendCall(SendToKernel);
    fan_out_ = std::make_unique<FanOut>(socket_);
  }

  void Run() {
    const size_t steps = 1 + random_.Below(24);
    for (size_t i = 0; i < steps; i++) {
      kernel_.is_moody = random_.OneIn(2);
      if (i == 0 || random_.OneIn(4)) OpenSession();
      if (random_.OneIn(16)) CloseSession();
      if (random_.OneIn(3)) socket_.SendQueued();
      Forward();
    }
    kernel_.is_moody = false;
    kernel_.refuses_offload = random_.OneIn(2);
    CHECK(socket_.SendQueued() && socket_.queued_bytes() == 0 && !socket_.has_queued());
    Compare();
  }

 private:
  void OpenSession() {
    const bool is_gcm = random_.OneIn(2);
    const SrtpProfile profile = is_gcm ? SrtpProfile::kAeadAes128Gcm : SrtpProfile::kAes128CmHmacSha1_80;
    const auto key = random_.Bytes(16), authentication = random_.Bytes(20), salt = random_.Bytes(is_gcm ? 12 : 14);
    CHECK(!SrtpCipher::Create(profile, true, random_.Bytes(random_.Below(16)), authentication, salt));
    CHECK(!SrtpCipher::Create(profile, true, key, authentication, random_.Bytes(random_.Below(12))));
    const uint32_t number = fan_out_->OpenChannel(SrtpCipher::Create(profile, true, key, authentication, salt));
    CHECK(number <= sessions_.size());
    if (number == sessions_.size()) sessions_.emplace_back();
    Session& session = sessions_[number];
    CHECK(!session.is_open);
    if (session.opener) finished_.push_back(std::move(session));
    session = {};
    session.is_open = true;
    session.opener = SrtpCipher::Create(profile, false, key, authentication, salt);
    session.port = next_port_++;
    if (random_.OneIn(8)) return;
    const auto address = Address::Parse(socket_.family() == AF_INET ? "127.0.0.1" : "fe80::1", session.port, socket_.family());
    CHECK(address && fan_out_->SetDestination(number, *address));
    session.has_destination = true;
  }

  void CloseSession() {
    const auto number = static_cast<uint32_t>(random_.Below(sessions_.size() + 2));
    fan_out_->CloseChannel(number);
    if (number < sessions_.size()) sessions_[number].is_open = false;
    CHECK(!fan_out_->SetDestination(number, Address()));
  }

  /// Of a session: rows that make sense, and rows in which anything may stand.
  std::vector<double> MakeRows(size_t legs) {
    std::vector<double> rows(legs * leg::kDoubles + random_.Below(leg::kDoubles));
    for (size_t i = 0; i < legs; i++) {
      double* row = rows.data() + i * leg::kDoubles;
      row[leg::kChannel] = static_cast<double>(random_.Below(sessions_.size()));
      row[leg::kSsrc] = static_cast<double>(random_.Below(1ull << 32));
      row[leg::kPayloadType] = static_cast<double>(random_.Below(128));
      row[leg::kCounters] = static_cast<double>(random_.Below(3) * track_counter::kDoubles);
      row[leg::kIndexDelta] = static_cast<double>(random_.Below(70'000));
      row[leg::kFirstIndex] = next_index_ - 3 + static_cast<double>(random_.Below(6));
      row[leg::kTimestampOffset] = static_cast<double>(random_.Below(1ull << 32));
      if (random_.OneIn(4)) row[random_.Below(leg::kDoubles)] = random_.Odd();
    }
    return rows;
  }

  Batch MakeBatch() {
    Batch batch;
    const size_t count = random_.Below(random_.OneIn(4) ? 300 : 9);
    const size_t common = random_.Below(1500);
    for (size_t i = 0; i < count; i++) {
      size_t payload = random_.OneIn(4) ? random_.Below(1600) : common;
      if (random_.OneIn(50)) payload = 0;
      const size_t before = random_.Below(20), after = random_.Below(3);
      batch.memory.push_back(random_.Bytes(before + payload + after));
      batch.buffers.emplace_back(batch.memory.back());
      batch.start.push_back(random_.OneIn(40) ? random_.OddInt() : static_cast<int32_t>(before));
      batch.end.push_back(random_.OneIn(40) ? random_.OddInt() : static_cast<int32_t>(before + payload));
      batch.index.push_back(random_.OneIn(40) ? random_.Odd() : next_index_ + static_cast<double>(i));
      batch.timestamp.push_back(random_.OneIn(40) ? random_.Odd() : static_cast<double>(random_.Below(1ull << 32)));
      batch.flags.push_back(static_cast<uint8_t>(random_.Below(256)));
    }
    next_index_ += static_cast<double>(count);
    batch.flags.shrink_to_fit();
    return batch;
  }

  /// What the leg is to be sent, by its description in fan_out.h and forward/leg-table.ts. @returns how many
  uint64_t Expect(const Batch& batch, std::span<const double> row, uint64_t& too_big) {
    const auto whole = [](double value, double limit) { return value >= 0 && value < limit; };
    if (!whole(row[leg::kChannel], static_cast<double>(sessions_.size()))) return 0;
    Session& session = sessions_[static_cast<size_t>(row[leg::kChannel])];
    if (!session.is_open || !session.has_destination) return 0;
    if (!whole(row[leg::kCounters], kCounterDoubles - track_counter::kDoubles + 1) ||
        !whole(row[leg::kSsrc], 4294967296.0) || !whole(row[leg::kPayloadType], 128) ||
        !whole(row[leg::kTimestampOffset], 4294967296.0) || !std::isfinite(row[leg::kIndexDelta])) {
      return 0;
    }
    uint64_t packets = 0;
    for (size_t i = 0; i < batch.index.size(); i++) {
      const double index = batch.index[i] + row[leg::kIndexDelta];
      if (!(batch.index[i] >= row[leg::kFirstIndex]) || !whole(index, 281474976710656.0)) continue;
      if (std::trunc(index) != index || !whole(batch.timestamp[i], 4294967296.0)) continue;
      const int64_t start = batch.start[i], end = batch.end[i];
      if (start < 0 || end < start || end > static_cast<int64_t>(batch.memory[i].size())) continue;
      if (12 + (end - start) + 16 > 1500) {
        too_big++;
        continue;
      }
      const auto number = static_cast<uint64_t>(index);
      const uint64_t timestamp = static_cast<uint64_t>(batch.timestamp[i] + row[leg::kTimestampOffset]) & 0xffffffff;
      const auto ssrc = static_cast<uint64_t>(row[leg::kSsrc]);
      std::vector<uint8_t> plain = {0x80, static_cast<uint8_t>((batch.flags[i] & 1) << 7 | static_cast<int>(row[leg::kPayloadType]))};
      for (const auto& [value, bytes] : {std::pair{number & 0xffff, 2}, {timestamp, 4}, {ssrc, 4}}) {
        for (int at = bytes - 1; at >= 0; at--) plain.push_back(static_cast<uint8_t>(value >> (8 * at)));
      }
      plain.insert(plain.end(), batch.memory[i].begin() + start, batch.memory[i].begin() + end);
      session.expected.push_back({number, std::move(plain)});
      packets++;
    }
    return packets;
  }

  void Forward() {
    const size_t legs = random_.Below(7);
    const Batch batch = MakeBatch();
    std::vector<double> rows = MakeRows(legs);
    std::vector<int32_t> ids;
    for (size_t i = 0; i < legs; i++) ids.push_back(random_.OneIn(20) ? random_.OddInt() : static_cast<int32_t>(i));
    for (double& each : counters_) {
      if (random_.OneIn(200)) each = random_.Odd();
    }
    uint64_t packets = 0, too_big = 0;
    for (int32_t id : ids) {
      if (id < 0 || (static_cast<size_t>(id) + 1) * leg::kDoubles > rows.size()) continue;
      packets += Expect(batch, std::span(rows).subspan(static_cast<size_t>(id) * leg::kDoubles, leg::kDoubles), too_big);
    }
    const ForwardResult result = fan_out_->Forward(batch.View(), counters_, rows, ids, 1);
    CHECK(result.too_big == too_big);
    CHECK(result.sent + result.no_room == packets);
    CHECK((result.starved_legs > 0) <= (result.no_room > 0));
    CHECK(socket_.queued_bytes() <= queue_limit_);
    sent_ += result.sent;
  }

  /// What the kernel took is what went in, in order, less what was counted as lost.
  void Compare() {
    CHECK(socket_.counters().datagrams_out == kernel_.taken);
    CHECK(socket_.counters().send_errors == kernel_.refused);
    CHECK(kernel_.taken + kernel_.refused == sent_);
    for (Session& session : sessions_) finished_.push_back(std::move(session));
    for (Session& session : finished_) {
      auto wanted = session.expected.begin();
      for (std::vector<uint8_t>& datagram : kernel_.wire[session.port]) {
        // A loss leaves a hole, and nothing else does.
        for (;; ++wanted) {
          CHECK(wanted != session.expected.end());
          if (IsSame(session, datagram, *wanted)) break;
        }
        ++wanted;
      }
    }
  }

  static bool IsSame(Session& session, const std::vector<uint8_t>& datagram, const Session::Packet& packet) {
    if (datagram.size() != packet.plain.size() + session.opener->tag_bytes()) return false;
    if (!std::equal(packet.plain.begin(), packet.plain.begin() + 12, datagram.begin())) return false;
    std::vector<uint8_t> copy = datagram;
    uint32_t ssrc = 0;
    for (size_t i = 8; i < 12; i++) ssrc = ssrc << 8 | copy[i];
    if (!session.opener->Unprotect(copy, 12, ssrc, packet.index)) return false;
    return std::equal(packet.plain.begin(), packet.plain.end(), copy.begin());
  }

  Random& random_;
  Kernel kernel_;
  size_t queue_limit_;
  UdpSocket socket_;
  std::unique_ptr<FanOut> fan_out_;
  std::vector<Session> sessions_;
  /// Whose channel is closed.
  std::vector<Session> finished_;
  std::vector<double> counters_;
  double next_index_ = 3;
  uint16_t next_port_ = kFirstPort;
  uint64_t sent_ = 0;
};

void FuzzAddresses(Random& random) {
  static const std::vector<std::string> seeds = {"127.0.0.1", "::1", "fe80::1%lo", "::ffff:192.0.2.1", "2001:db8::7", "%", ":", "", "256.1.1.1"};
  std::string text = random.Of(seeds);
  for (uint64_t i = random.Below(4); i > 0; i--) {
    const size_t at = random.Below(text.size() + 1);
    if (random.OneIn(3)) text.insert(at, random.Below(80), static_cast<char>(random.Below(256)));
    else if (at < text.size()) text[at] = static_cast<char>(random.Below(256));
  }
  for (int family : {AF_INET, AF_INET6}) {
    const auto address = Address::Parse(text, static_cast<uint16_t>(random.Below(65536)), family);
    if (!address) continue;
    const auto again = Address::Parse(address->Literal(), address->port(), family);
    CHECK(again && (*again == *address || address->v6.sin6_scope_id != 0) && AddressHash()(*again) == AddressHash()(*address));
  }
}

/// Memory whose end is the end of what may be touched: the sanitizers do not see what wide instructions do.
class Fenced {
 public:
  explicit Fenced(size_t bytes) : bytes_(bytes) {
    const size_t page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
    size_ = (bytes + page - 1) / page * page + page;
    memory_ = static_cast<uint8_t*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    CHECK(memory_ != MAP_FAILED && mprotect(memory_ + size_ - page, page, PROT_NONE) == 0);
    end_ = memory_ + size_ - page;
  }
  ~Fenced() { munmap(memory_, size_); }
  uint8_t* data() { return end_ - bytes_; }

 private:
  size_t bytes_, size_;
  uint8_t *memory_, *end_;
};

/// Every length once: by the processor's wide instructions as by OpenSSL, within its bounds and nothing else written.
void CompareGcm(Random& random) {
  const auto key = random.Bytes(16), salt = random.Bytes(12);
  const auto wide = SrtpCipher::Create(SrtpProfile::kAeadAes128Gcm, true, key, {}, salt);
  const auto reference = SrtpCipher::Create(SrtpProfile::kAeadAes128Gcm, true, key, {}, salt, GcmBy::kOpenSsl);
  for (size_t bytes = 0; bytes <= 1600; bytes++) {
    const size_t header = bytes % (SrtpCipher::kMaxHeaderBytes + 1);
    std::vector<uint8_t> plain = random.Bytes(bytes), before = random.Bytes(header), expected = before;
    expected.resize(header + bytes + 16);
    Fenced from(bytes), to(header + bytes + 16);
    std::copy(plain.begin(), plain.end(), from.data());
    std::copy(before.begin(), before.end(), to.data());
    CHECK(reference->Protect(expected.data(), header, plain, 9, bytes << 20));
    CHECK(wide->Protect(to.data(), header, {from.data(), bytes}, 9, bytes << 20));
    CHECK(std::equal(expected.begin(), expected.end(), to.data()));
  }
}

/// Forged and cut packets, each in memory of exactly its size.
void FuzzUnprotect(Random& random) {
  const bool is_gcm = random.OneIn(2);
  const SrtpProfile profile = is_gcm ? SrtpProfile::kAeadAes128Gcm : SrtpProfile::kAes128CmHmacSha1_80;
  const auto key = random.Bytes(16), authentication = random.Bytes(20), salt = random.Bytes(is_gcm ? 12 : 14);
  const auto sealer = SrtpCipher::Create(profile, true, key, authentication, salt);
  const auto opener = SrtpCipher::Create(profile, false, key, authentication, salt);
  const size_t header = random.Below(SrtpCipher::kMaxHeaderBytes + 1);
  const auto payload = random.Bytes(random.Below(1500));
  std::vector<uint8_t> packet = random.Bytes(header + payload.size() + sealer->tag_bytes());
  const uint64_t index = random.Below(SrtpCipher::kIndexes);
  std::vector<uint8_t> other = packet;
  CHECK(sealer->Protect(packet.data(), header, payload, 7, index));
  CHECK(!sealer->Protect(other.data(), SrtpCipher::kMaxHeaderBytes + 1, {}, 7, index));
  const auto reference = SrtpCipher::Create(profile, true, key, authentication, salt, GcmBy::kOpenSsl);
  CHECK(reference->Protect(other.data(), header, payload, 7, index) && other == packet);
  std::vector<uint8_t> copy = packet;
  CHECK(opener->Unprotect(copy, header, 7, index));
  CHECK(std::equal(payload.begin(), payload.end(), copy.begin() + static_cast<ptrdiff_t>(header)));
  copy = packet;
  if (random.OneIn(2)) copy.resize(random.Below(copy.size()));
  else copy[random.Below(copy.size())] ^= static_cast<uint8_t>(1 << random.Below(8));
  copy.shrink_to_fit();
  CHECK(!opener->Unprotect(copy, header, 7, index));
  // Another rollover: the sequence number is in the header.
  CHECK(!opener->Unprotect(packet, header, 7, index ^ 0x10000));
}

/// Real datagrams over the loopback, in runs and alone, until none is left.
void FuzzReceive(Random& random) {
  const std::string host = random.OneIn(2) ? "127.0.0.1" : "::1";
  UdpSocket from(1 << 20), to(0);
  CHECK(from.Open(host, 0, 1 << 20, !random.OneIn(3)) == 0 && to.Open(host, 0, 1 << 20, !random.OneIn(3)) == 0);
  std::vector<uint8_t> memory(UdpSocket::kReceiveSlots * UdpSocket::kReceiveSlotBytes);
  CHECK(to.Receive().empty());
  to.UseMemory(memory);
  to.Know(*Address::Parse(host, from.port(), from.family()), 7);
  const Address destination = *Address::Parse(host, to.port(), from.family());
  std::vector<std::vector<uint8_t>> sent;
  for (size_t i = 1 + random.Below(40); i > 0; i--) {
    const auto segment = static_cast<uint32_t>(1 + random.Below(1400));
    const auto segments = static_cast<uint32_t>(1 + random.Below(8));
    const auto bytes = random.Bytes(segment * segments - random.Below(segment));
    Message message{&destination, bytes.data(), static_cast<uint32_t>(bytes.size()), segment, segments};
    from.Send(std::span(&message, 1));
    CHECK(message.dropped_segments == 0);
    for (size_t at = 0; at < bytes.size(); at += segment) {
      sent.emplace_back(bytes.begin() + static_cast<ptrdiff_t>(at), bytes.begin() + static_cast<ptrdiff_t>(std::min<size_t>(at + segment, bytes.size())));
    }
    CHECK(from.SendQueued());
  }
  size_t received = 0;
  for (;;) {
    const auto lot = to.Receive();
    if (lot.empty()) break;
    for (const Datagram& datagram : lot) {
      const auto bytes = std::span(memory).subspan(datagram.offset, datagram.bytes);
      CHECK(received < sent.size() && std::equal(bytes.begin(), bytes.end(), sent[received].begin(), sent[received].end()));
      CHECK(datagram.peer == 7 && to.Source(datagram.message).port() == from.port());
      received++;
    }
  }
  CHECK(received == sent.size());
}

}  // namespace
}  // namespace shardcast

int main(int count, char** arguments) {
  const double seconds = count > 1 ? std::atof(arguments[1]) : 10;
  uint64_t seed = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : std::random_device()();
  const auto begin = std::chrono::steady_clock::now();
  uint64_t rounds = 0;
  {
    shardcast::Random random(seed);
    shardcast::CompareGcm(random);
  }
  __sanitizer_set_death_callback([] { std::fprintf(stderr, "seed %" PRIu64 "\n", shardcast::current_seed); });
  while (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() < seconds) {
    shardcast::current_seed = seed;
    shardcast::Random random(seed++);
    shardcast::Round(random).Run();
    for (int i = 0; i < 4; i++) shardcast::FuzzAddresses(random);
    shardcast::FuzzUnprotect(random);
    if (random.OneIn(8)) shardcast::FuzzReceive(random);
    if (random.OneIn(4)) shardcast::FuzzDtls(random);
    rounds++;
  }
  std::printf("%" PRIu64 " rounds, last seed %" PRIu64 "\n", rounds, seed - 1);
  return 0;
}
