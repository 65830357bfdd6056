// What goes between hosts, and between them and the view's store.
#include <algorithm>
#include <utility>

#include "sim/gossip/pool.h"

namespace phoenix::hostsim {

namespace {

constexpr Duration kFirstConnectRetry = seconds(1);
constexpr Duration kFirstDataRetry = milliseconds(200);
constexpr Duration kStoreTimeout = seconds(1);
constexpr size_t kSendBuffer = 64;  // datagrams that a stuck sender still gets rid of later

}  // namespace

void Pool::carry_out(SimHost& host, gossip::Output& out) {
  if (out.remember.incarnation) host.disk.incarnation = *out.remember.incarnation;
  for (gossip::PacketOut& packet : out.packets) {
    ++host.traffic.packets_out;
    host.traffic.bytes_out += packet.bytes.size();
    if (!host.blocked) {
      send(host, packet);
    } else if (host.outbox.size() < kSendBuffer) {
      host.outbox.push_back(std::move(packet));
    }
  }
  for (gossip::StreamReply& each : out.replies) reply(host, std::move(each));
  for (gossip::StreamOut& each : out.streams) open_stream(host, std::move(each));
  for (gossip::ViewRequest& each : out.view_requests) {
    agenda_.add({.when = agenda_.now() + desk_.delay(),
                 .host = host.number,
                 .life = host.life,
                 .slot = talks_.put({std::move(each), {}}),
                 .what = What::kStoreAsk});
  }
  schedule_tick(host, out.next_wake == kNever ? kNever : out.next_wake - host.clock_offset);
  bool stops = out.left;
  std::vector<gossip::HostEvent> events = std::exchange(out.events, {});
  out.packets.clear();
  out.streams.clear();
  out.replies.clear();
  out.view_requests.clear();
  out.remember = {};
  out.keys_changed = out.left = false;
  out.next_wake = kNever;
  for (const gossip::HostEvent& event : events) {
    stops = stops || event.kind == gossip::HostEventKind::kRefused;
    note(host.number, What::kCall, event.name);
    if (observer_) observer_(host.number, event);
  }
  if (stops) {
    host.left = true;
    end_life(host);
  }
}

// --- datagrams

void Pool::send(SimHost& host, gossip::PacketOut& packet) {
  const uint32_t to_site = site_of(packet.to);
  if (to_site == kNobody) return;
  const uint32_t to = sites_[to_site].host;
  if (!links_.passes(host.number, to)) return;
  const auto add = [&](std::string bytes) {
    const uint32_t slot = datagrams_.put({host.site, to_site, {}, std::move(bytes)});
    agenda_.add({.when = agenda_.now() + links_.delay(),
                 .host = to,
                 .slot = slot,
                 .what = What::kDatagram});
  };
  if (links_.doubles()) add(packet.bytes);
  add(std::move(packet.bytes));
}

void Pool::arrive(const Entry& entry) {
  Datagram datagram = datagrams_.take(entry.slot);
  SimHost& host = *hosts_[entry.host];
  const bool listens = host.core && host.site == datagram.to_site;
  if (listens) return deliver(host, datagram);
  if (datagram.from_site == kNobody || !sites_[datagram.to_site].machine) return;
  const uint32_t sender = sites_[datagram.from_site].host;
  if (!links_.passes(entry.host, sender)) return;
  agenda_.add({.when = agenda_.now() + links_.delay(),
               .host = sender,
               .slot = datagrams_.put({datagram.from_site, datagram.to_site, {}, {}}),
               .what = What::kRefusal});
}

void Pool::deliver(SimHost& host, const Datagram& datagram) {
  note(host.number, What::kDatagram, datagram.bytes);
  ++host.traffic.packets_in;
  host.traffic.bytes_in += datagram.bytes.size();
  const gossip::Endpoint from =
      datagram.from_site == kNobody ? datagram.from : endpoint_at(datagram.from_site);
  host.core->receive_packet(datagram.bytes, from, now_of(host.number), scratch_);
  carry_out(host, scratch_);
}

void Pool::refuse(const Entry& entry) {
  const Datagram datagram = datagrams_.take(entry.slot);
  SimHost& host = *hosts_[entry.host];
  if (!host.core || host.site != datagram.from_site) return;
  note(host.number, What::kRefusal, {});
  gossip::Output out;
  host.core->packet_refused(endpoint_at(datagram.to_site), now_of(host.number), out);
  carry_out(host, out);
}

// --- streams

void Pool::open_stream(SimHost& host, gossip::StreamOut stream) {
  ++host.traffic.streams_out;
  host.traffic.stream_bytes_out += stream.bytes.size();
  const uint32_t id = next_stream_++;
  Stream& opened = streams_[id];
  opened.host = host.number;
  opened.life = host.life;
  opened.core_id = stream.id;
  opened.to_site = site_of(stream.to);
  opened.answer = stream.answer;
  opened.bytes = std::move(stream.bytes);
  end_stream(id, stream.timeout, gossip::StreamFailure::kTimeout);
  if (host.blocked) {
    host.unsent_streams.push_back(id);
  } else {
    connect(host, id);
  }
}

void Pool::end_stream(uint32_t id, Duration after, gossip::StreamFailure why) {
  Stream& stream = streams_[id];
  stream.failure = why;
  agenda_.add({.when = agenda_.now() + after,
               .number = 0,
               .host = stream.host,
               .life = stream.life,
               .slot = id,
               .what = What::kStreamOver});
}

void Pool::connect(SimHost& host, uint32_t id) {
  const auto found = streams_.find(id);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  if (stream.to_site == kNobody) return;
  const Site site = sites_[stream.to_site];
  const auto there = links_.stream_leg(host.number, site.host, 0, kFirstConnectRetry);
  const auto back = links_.stream_leg(site.host, host.number, 0, kFirstConnectRetry);
  if (!there || !back) return;
  const SimHost& peer = *hosts_[site.host];
  if (!peer.core || peer.site != stream.to_site) {
    if (site.machine) end_stream(id, *there + *back, gossip::StreamFailure::kRefused);
    return;
  }
  const auto data = links_.stream_leg(host.number, site.host, stream.bytes.size(), kFirstDataRetry);
  if (!data) return;
  agenda_.add({.when = agenda_.now() + *there + *back + *data,
               .host = site.host,
               .slot = id,
               .what = What::kRequest});
}

void Pool::request(const Entry& entry) {
  const auto found = streams_.find(entry.slot);
  if (found == streams_.end()) return;
  Stream& stream = found->second;
  SimHost& host = *hosts_[entry.host];
  if (!host.core || host.site != stream.to_site) {
    return end_stream(entry.slot, links_.delay(), gossip::StreamFailure::kReset);
  }
  const std::string bytes = std::exchange(stream.bytes, {});
  const SimHost& peer = *hosts_[stream.host];
  gossip::Endpoint from = endpoint_at(peer.site);
  from.port = static_cast<uint16_t>(32'768 + entry.slot % 28'000);
  note(host.number, What::kRequest, bytes);
  host.traffic.stream_bytes_in += bytes.size();
  if (!stream.answer) stream.over = true;  // its opener has closed it
  gossip::StreamReader reader(host.core->frame(), host.core->keyring(), true);
  gossip::Output out;
  if (reader.feed(bytes) == gossip::StreamReader::State::kDone) {
    host.core->receive_stream(entry.slot, reader.message(), from, now_of(host.number), out);
  } else {
    host.core->refuse_stream(entry.slot, reader.why(), now_of(host.number), out);
  }
  carry_out(host, out);
}

void Pool::reply(SimHost& host, gossip::StreamReply reply) {
  host.traffic.stream_bytes_out += reply.bytes.size();
  const auto id = static_cast<uint32_t>(reply.id);
  const auto found = streams_.find(id);
  if (found == streams_.end() || found->second.over) return;
  Stream& stream = found->second;
  if (reply.bytes.empty()) {
    return end_stream(id, links_.delay(), gossip::StreamFailure::kReset);
  }
  const auto leg = links_.stream_leg(host.number, stream.host, reply.bytes.size(), kFirstDataRetry);
  if (!leg) return;
  stream.bytes = std::move(reply.bytes);
  agenda_.add({.when = agenda_.now() + *leg,
               .host = stream.host,
               .life = stream.life,
               .slot = id,
               .what = What::kAnswer});
}

void Pool::answer(const Entry& entry) {
  const auto found = streams_.find(entry.slot);
  if (found == streams_.end()) return;
  const Stream stream = std::move(found->second);
  streams_.erase(found);
  SimHost& host = *hosts_[entry.host];
  if (!host.core || host.life != stream.life) return;
  note(host.number, What::kAnswer, stream.bytes);
  host.traffic.stream_bytes_in += stream.bytes.size();
  gossip::Output out;
  gossip::StreamReader reader(host.core->frame(), host.core->keyring(), false);
  if (reader.feed(stream.bytes) == gossip::StreamReader::State::kDone) {
    host.core->stream_answered(stream.core_id, reader.message(), now_of(host.number), out);
  } else {
    host.core->stream_failed(stream.core_id, gossip::StreamFailure::kMalformed, reader.why(),
                             now_of(host.number), out);
  }
  carry_out(host, out);
}

void Pool::stream_over(const Entry& entry) {
  const auto found = streams_.find(entry.slot);
  if (found == streams_.end()) return;
  const Stream stream = std::move(found->second);
  streams_.erase(found);
  SimHost& host = *hosts_[entry.host];
  if (!host.core || host.life != stream.life || stream.over) return;
  note(host.number, What::kStreamOver, {});
  gossip::Output out;
  host.core->stream_failed(stream.core_id, stream.failure, gossip::Drop::kNone, now_of(host.number),
                           out);
  carry_out(host, out);
}

// --- the store

void Pool::ask_store(const Entry& entry) {
  StoreTalk& talk = talks_.at(entry.slot);
  Duration delay = desk_.delay();
  if (desk_.reaches(entry.host)) {
    talk.answer = desk_.answer(hosts_[entry.host]->name, talk.request, agenda_.now());
  } else {
    talk.answer.id = talk.request.id;
    delay = kStoreTimeout;
  }
  agenda_.add({.when = agenda_.now() + delay,
               .host = entry.host,
               .life = entry.life,
               .slot = entry.slot,
               .what = What::kStoreAnswer});
}

void Pool::store_answered(const Entry& entry) {
  const StoreTalk talk = talks_.take(entry.slot);
  SimHost& host = *hosts_[entry.host];
  if (!host.core || host.life != entry.life) return;
  note(host.number, What::kStoreAnswer, {});
  gossip::Output out;
  host.core->view_answered(talk.answer, now_of(host.number), out);
  carry_out(host, out);
}

}  // namespace phoenix::hostsim
