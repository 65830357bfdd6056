// Each host has a loop in a thread of its own, as if it were a process. The raw ping beside ours is
// two threads that block on a socket: the least that any program on this machine can do.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "bench/clock.h"
#include "bench/peer/rows.h"
#include "net/sockets/dial.h"
#include "runtime/peer/peer_service.h"

namespace phoenix::bench {
namespace {

using peer::PeerAddress;
using peer::PeerService;
using peer::Urgency;

constexpr Duration kPatience = seconds(20);

// Sends every message whose first byte is `p` back to where it came from, and counts all.
class EchoHost final : public peer::PeerEvents {
 public:
  explicit EchoHost(const std::string& name) : life_{name, 1} {
    peer::PeerOptions options;
    options.mesh.link.self = life_;
    options.mesh.link.identity = {"pool", "store", "ring", 128};
    auto port = peer::bind_peer("127.0.0.1:0", true);
    if (!port) return;
    auto made = PeerService::make(loop_, log_, std::move(*port), options, *this);
    if (made) service_ = std::move(*made);
  }

  bool good() const { return service_ != nullptr; }
  const HostLife& life() const { return life_; }
  std::string address() const { return to_string(service_->address()); }
  PeerService& service() { return *service_; }
  EventLoop& loop() { return loop_; }
  uint64_t messages() const { return messages_; }
  int up() const { return up_; }

  void on_peer_up(const HostLife&) override { ++up_; }
  void on_peer_down(const HostLife&) override { --up_; }
  void on_peer_message(const HostLife& from, std::string_view bytes) override {
    ++messages_;
    if (bytes.starts_with('p')) service_->send(from, "q" + std::string(bytes), Urgency::kUrgent);
  }
  void on_peer_writable(const HostLife&, Urgency) override {}

  // Turns its own loop until that holds.
  template <class Done>
  bool run_until(Done done) {
    const Duration end = wall_clock() + kPatience;
    while (!done() && wall_clock() < end) loop_.run_one_for(std::chrono::milliseconds(20));
    return done();
  }

 private:
  HostLife life_;
  EventLoop loop_;
  Log log_{"off", false};
  std::unique_ptr<PeerService> service_;
  std::atomic<uint64_t> messages_ = 0;
  std::atomic<int> up_ = 0;
};

// The other hosts' loops turn in threads until this goes.
class Turning {
 public:
  explicit Turning(std::vector<EchoHost*> hosts) : hosts_(std::move(hosts)) {
    for (EchoHost* host : hosts_) threads_.emplace_back([host] { host->loop().run(); });
  }
  ~Turning() {
    for (EchoHost* host : hosts_) host->loop().stop();
    for (std::thread& thread : threads_) thread.join();
  }
  Turning(const Turning&) = delete;
  Turning& operator=(const Turning&) = delete;

 private:
  std::vector<EchoHost*> hosts_;
  std::vector<std::thread> threads_;
};

// `here` sends one ping after the other and waits for each answer.
double ping_micros(EchoHost& here, const HostLife& there, int count) {
  std::vector<double> micros;
  for (int i = 0; i < count; ++i) {
    const uint64_t before = here.messages();
    const Duration begin = wall_clock();
    if (!here.service().send(there, "p" + std::string(63, 'x'), Urgency::kUrgent)) return -1;
    if (!here.run_until([&] { return here.messages() > before; })) return -1;
    micros.push_back(in_micros(wall_clock() - begin));
  }
  return median(std::move(micros));
}

bool set_no_delay(int fd) {
  const int on = 1;
  return ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

double raw_ping_micros(int count) {
  auto listener = listen_tcp({"127.0.0.1", 0});
  if (!listener) return -1;
  const Fd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  KernelAddress to = kernel_address(local_of(listener->get()), AF_INET);
  if (::connect(client.get(), to.any(), to.length) != 0) return -1;
  const Fd server(::accept(listener->get(), nullptr, nullptr));
  if (!server.valid() || !set_no_delay(client.get()) || !set_no_delay(server.get())) return -1;
  std::thread echo([&] {
    std::array<char, 64> part{};
    for (ssize_t got = 0; (got = ::recv(server.get(), part.data(), part.size(), 0)) > 0;) {
      if (::send(server.get(), part.data(), static_cast<size_t>(got), MSG_NOSIGNAL) != got) return;
    }
  });
  std::vector<double> micros;
  std::array<char, 64> ping{};
  for (int i = 0; i < count; ++i) {
    const Duration begin = wall_clock();
    const bool sent = ::send(client.get(), ping.data(), ping.size(), MSG_NOSIGNAL) == 64;
    if (!sent || ::recv(client.get(), ping.data(), ping.size(), MSG_WAITALL) != 64) break;
    micros.push_back(in_micros(wall_clock() - begin));
  }
  ::shutdown(client.get(), SHUT_RDWR);
  echo.join();
  return micros.size() == static_cast<size_t>(count) ? median(std::move(micros)) : -1;
}

Result<bool> measure_pings(int count, Figures& figures) {
  EchoHost here("here"), there("there"), behind("behind"), third("third");
  for (const EchoHost* host : {&here, &there, &behind, &third}) {
    if (!host->good()) return fail(ErrorKind::kInternal, "a host cannot listen");
  }
  // `behind` is known to be there, but only through `third`.
  const PeerAddress a{here.life(), here.address()}, b{there.life(), there.address()};
  const PeerAddress c{third.life(), third.address()};
  here.service().set_peers({b, c, {behind.life(), ""}});
  there.service().set_peers({a});
  third.service().set_peers({a, {behind.life(), behind.address()}});
  behind.service().set_peers({{here.life(), ""}, c});
  const Turning turning({&there, &behind, &third});
  if (!here.run_until([&] { return here.up() == 3; })) {
    return fail(ErrorKind::kInternal, "the hosts were not linked");
  }
  // In turn, so that a mood of the machine is one of all.
  std::vector<double> raw, direct, relayed;
  for (int round = 0; round < 5; ++round) {
    raw.push_back(raw_ping_micros(count));
    direct.push_back(ping_micros(here, there.life(), count));
    relayed.push_back(ping_micros(here, behind.life(), count));
    if (raw.back() < 0 || direct.back() < 0 || relayed.back() < 0) {
      return fail(ErrorKind::kInternal, "a ping was not answered");
    }
  }
  const double raw_median = median(raw);
  figures.push_back({1,
                     "p50 of a ping over an idle link",
                     median(direct),
                     "us",
                     {Bar::Op::kAtMost, 2 * raw_median + 20},
                     {{"raw TCP", raw_median}, {"through a third host", median(relayed)}}});
  return true;
}

Result<bool> measure_throughput(uint64_t count, Figures& figures) {
  EchoHost here("here"), there("there");
  if (!here.good() || !there.good()) return fail(ErrorKind::kInternal, "a host cannot listen");
  here.service().set_peers({{there.life(), there.address()}});
  there.service().set_peers({{here.life(), here.address()}});
  const Turning turning({&there});
  if (!here.run_until([&] { return here.up() == 1 && there.up() == 1; })) {
    return fail(ErrorKind::kInternal, "the hosts were not linked");
  }
  const std::string message(1'024, 'm');
  const Duration begin = wall_clock();
  const Duration worked = read_clock(CLOCK_PROCESS_CPUTIME_ID);
  for (uint64_t sent = 0; sent < count;) {
    // As many as a busy turn of a host would send at once.
    for (int i = 0; i < 64 && sent < count; ++i) {
      if (!here.service().send(there.life(), message, Urgency::kNormal)) break;
      ++sent;
    }
    here.loop().poll();
  }
  if (!here.run_until([&] { return there.messages() == count; })) {
    return fail(ErrorKind::kInternal, "messages did not arrive");
  }
  const double each_second = static_cast<double>(count) / in_seconds(wall_clock() - begin);
  const Duration work = read_clock(CLOCK_PROCESS_CPUTIME_ID) - worked;
  figures.push_back({2,
                     "messages of 1 KiB over one link",
                     each_second,
                     "/s",
                     {Bar::Op::kAtLeast, 100'000},
                     {{"MiB/s", each_second / 1'024},
                      // What does not depend on who else uses the machine.
                      {"processor time of both ends a message, us",
                       in_micros(work) / static_cast<double>(count)}}});
  return true;
}

}  // namespace

Result<double> link_ping_micros(int count) {
  EchoHost here("here"), there("there");
  if (!here.good() || !there.good()) return fail(ErrorKind::kInternal, "a host cannot listen");
  here.service().set_peers({{there.life(), there.address()}});
  there.service().set_peers({{here.life(), here.address()}});
  const Turning turning({&there});
  if (!here.run_until([&] { return here.up() == 1; })) {
    return fail(ErrorKind::kInternal, "the hosts were not linked");
  }
  const double micros = ping_micros(here, there.life(), count);
  if (micros < 0) return fail(ErrorKind::kInternal, "a ping was not answered");
  return micros;
}

std::vector<Row> link_rows(bool quick) {
  const int pings = quick ? 50 : 4'000;
  const uint64_t messages = quick ? 5'000 : 1'000'000;
  return {{1, "a ping over a link",
           [pings](Figures& figures) { return measure_pings(pings, figures); }},
          {2, "messages over a link",
           [messages](Figures& figures) { return measure_throughput(messages, figures); }}};
}

}  // namespace phoenix::bench
