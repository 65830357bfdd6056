// Row 4: the core alone, from the command that creates a packet to its end: submit in hundreds,
// polled deliveries, completions in hundreds, while 100,000 packets are live. Workload A, 1,000
// members in eight sessions. The commands are made outside of the measured time.

#include <openssl/evp.h>

#include <array>

#include "bench/clock.h"
#include "bench/core_load.h"
#include "bench/rows.h"
#include "bench/workload.h"
#include "packet/encoding.h"
#include "ring/point.h"

namespace phoenix::bench {
namespace {

template <class Work>
double nanoseconds_each(int times, const Work& work) {
  const Duration begin = thread_clock();
  for (int i = 0; i < times; ++i) work();
  return static_cast<double>((thread_clock() - begin).ns) / times;
}

uint64_t sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr);
  return digest[0];
}

// What stands beside the core in a host: the head's encoding, of which a packet's life needs two,
// and the hashes: its point on the ring (within the core), and SHA-256 of 1 KiB of payload.
void measure_beside(const PacketPtr& head, int times, Figure& figure) {
  if (!head) return;
  const RingKey key;
  const auto payload = json_content(1024, 1);
  volatile uint64_t sink = 0;
  figure.beside.emplace_back("encoding of one head, ns", nanoseconds_each(times, [&] {
                               sink = sink + encode_head(*head).size();
                             }));
  figure.beside.emplace_back("hash of its point, ns", nanoseconds_each(times, [&] {
                               sink = sink + packet_position(key, head->key.ns(), head->required,
                                                             head->key.id());
                             }));
  figure.beside.emplace_back("SHA-256 of 1 KiB, ns",
                             nanoseconds_each(times, [&] { sink = sink + sha256(payload->data); }));
}

}  // namespace

Result<bool> bench_core(const BenchOptions& options, Figures& figures) {
  const size_t live = options.quick ? 2'000 : 100'000;
  const size_t wanted = options.quick ? 2'000 : 200'000;
  CoreLoad load(options.quick ? 100 : 1'000, 1'000);
  load.fill(live);
  std::vector<double> rates;
  for (int round = 0; round < 5; ++round) rates.push_back(load.rate(live, wanted));
  Figure figure = {.row = 4,
                   .what = "core alone, created to ended, 100 a call, polled",
                   .value = median(rates),
                   .unit = "packets/s",
                   .bar = {Bar::Op::kAtLeast, 500'000},
                   .beside = {}};
  figure.beside.emplace_back("live packets", static_cast<double>(live));
  figure.beside.emplace_back("microseconds a packet", 1e6 / figure.value);
  measure_beside(load.sample(), options.quick ? 1'000 : 200'000, figure);
  figures.push_back(std::move(figure));
  return true;
}

}  // namespace phoenix::bench
