// Row 5: what it costs a packet that its client, its keeper and its owner's home are three hosts
// and not one. One packet at a time: create, take, complete, each awaited, so that the hosts have
// nothing else to do. Both ways in alternation, at the same pool.

#include "bench/clock.h"
#include "bench/cluster/host_pool.h"
#include "bench/cluster/rows.h"
#include "bench/peer/rows.h"
#include "client/http_client.h"

namespace phoenix::bench {
namespace {

// A member that is at home at one host, and the packets that only it can do.
class Trip {
 public:
  // Packets enter at `client`, are kept by the host named `keeper`, and go to a member at `home`.
  static Result<Trip> prepare(HostPool& pool, size_t client, std::string keeper, size_t home) {
    Trip trip(pool.client(client), pool.client(home));
    trip.keeper_ = std::move(keeper);
    trip.capability_ = "kept-by-" + trip.keeper_;
    trip.member_ = "worker-" + trip.keeper_;
    const auto answer = trip.home_->post(
        "/v1/members", "{\"id\":\"" + trip.member_ + "\",\"capabilities\":[\"" + trip.capability_ +
                           "\"],\"maxLoad\":10,\"leaseSeconds\":600}");
    if (!answer || !answer->ok()) return fail(ErrorKind::kInternal, "cannot register a member");
    trip.token_ = text_after(answer->body, "\"token\":\"");
    return trip;
  }

  // Microseconds of each of `count` packets; empty if a host refused.
  std::vector<double> run(size_t count) {
    std::vector<double> micros;
    for (size_t i = 0; i < count; ++i) {
      const std::string id = id_at_keeper();
      if (id.empty()) return {};
      const Duration begin = wall_clock();
      if (!create(id) || !take(id) || !complete(id)) return {};
      micros.push_back(in_micros(wall_clock() - begin));
    }
    return micros;
  }

 private:
  Trip(Client& client, Client& home) : client_(&client), home_(&home) {}

  // Not timed: ids until one falls to the keeper.
  std::string id_at_keeper() {
    for (int tries = 0; tries < 1000; ++tries) {
      std::string id = "p-" + keeper_ + "-" + std::to_string(++ids_);
      const auto answer = client_->get("/v1/ring/owner?requires=" + capability_ + "&salt=" + id);
      if (!answer || !answer->ok()) return {};
      if (text_after(answer->body, "\"keeper\":\"") == keeper_) return id;
    }
    return {};
  }

  bool create(const std::string& id) {
    const auto answer =
        client_->post("/v1/packets", "{\"id\":\"" + id + "\",\"requiredCapabilities\":[\"" +
                                         capability_ + "\"],\"payload\":{\"n\":1}}");
    return answer && answer->status == 201;
  }

  bool take(const std::string& id) {
    for (int polls = 0; polls < 20; ++polls) {
      Call poll;
      poll.target = "/v1/members/" + member_ + "/deliveries?max=1&waitMs=1000" +
                    (after_.empty() ? "" : "&after=" + after_);
      poll.token = token_;
      const auto answer = home_->call(poll);
      if (!answer || answer->status != 200) return false;
      after_ = text_after(answer->body, "\"next\":\"", answer->body.rfind("\"revoked\""));
      if (answer->body.find("\"packet\":{\"id\":\"" + id + "\"") != std::string::npos) return true;
    }
    return false;
  }

  bool complete(const std::string& id) {
    Call call;
    call.method = "POST";
    call.target = "/v1/packets/" + id + "/complete";
    call.body = R"({"epoch":1,"result":{"words":173}})";
    call.token = token_;
    const auto answer = home_->call(call);
    return answer && answer->status == 200;
  }

  Client* client_;
  Client* home_;
  std::string keeper_, capability_, member_, token_, after_;
  size_t ids_ = 0;
};

}  // namespace

Result<bool> cluster_trip(const ClusterBench& options, Figures& figures) {
  const size_t count = options.quick ? 20 : 300;
  auto pool = HostPool::start(options.program, options.disk_folder, 3);
  if (!pool) return tl::unexpected(pool.error());
  auto near = Trip::prepare(**pool, 0, "a", 0);
  if (!near) return tl::unexpected(near.error());
  auto far = Trip::prepare(**pool, 0, "b", 2);
  if (!far) return tl::unexpected(far.error());
  std::vector<double> excess, nears, fars, pings;
  for (int round = 0; round < 5; ++round) {
    const std::vector<double> one = near->run(count);
    const std::vector<double> three = far->run(count);
    const auto ping = link_ping_micros(static_cast<int>(count));
    if (!ping) return tl::unexpected(ping.error());
    if (one.empty() || three.empty()) return fail(ErrorKind::kInternal, "a host refused a packet");
    nears.push_back(median(one));
    fars.push_back(median(three));
    pings.push_back(*ping);
    excess.push_back(fars.back() - nears.back());
  }
  figures.push_back({.row = 5,
                     .what = "client, keeper, owner on three hosts: p50 above that on one",
                     .value = median(excess),
                     .unit = "us",
                     .bar = {Bar::Op::kAtMost, 2 * median(pings) + 400},
                     .beside = {{"on three hosts, p50 us", median(fars)},
                                {"on one host, p50 us", median(nears)},
                                {"a ping over an idle link, p50 us", median(pings)}}});
  return true;
}

}  // namespace phoenix::bench
