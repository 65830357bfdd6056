#include "runtime/peer/peer_service.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <iterator>
#include <map>
#include <optional>
#include <utility>

#include "net/sockets/dial.h"
#include "net/tls.h"
#include "runtime/clock.h"
#include "runtime/peer/connection.h"

namespace phoenix::peer {
namespace {

constexpr int kAcceptsPerTurn = 64;
constexpr Duration kAcceptAgain = milliseconds(200);  // when descriptors are out
constexpr size_t kRoom = size_t{64} << 10;
constexpr size_t kWriteAtOnce = size_t{64} << 10;
constexpr Duration kStrangersToldEvery = seconds(10);

// A deployment's mistake, which waiting does not mend.
bool is_mistake(RefusalCode code) {
  return code == RefusalCode::kProtocol || code == RefusalCode::kIdentity ||
         code == RefusalCode::kCertificate;
}

class Service final : public std::enable_shared_from_this<Service>,
                      private PeerConnectionOwner,
                      private FdEvents {
 public:
  Service(EventLoop& loop, const Log& log, PeerPort port, PeerOptions options,
          std::shared_ptr<TlsContext> tls, PeerEvents& events)
      : loop_(loop),
        log_(log),
        address_(std::move(port.address)),
        options_(std::move(options)),
        tls_(std::move(tls)),
        events_(&events),
        mesh_(std::make_unique<Mesh>(options_.mesh)),
        timer_(loop),
        accept_again_(loop),
        listener_(std::move(port.listener)) {
    waiter_.emplace(loop, listener_.get(), static_cast<FdEvents&>(*this));
    waiter_->wait_readable();
  }

  // What waits in the loop finds nothing left to do.
  void stop() {
    ++generation_;
    events_ = nullptr;
    timer_.cancel();
    accept_again_.cancel();
    waiter_.reset();
    listener_.reset(-1);
    drop_all();
  }

  void begin_life(const HostLife& self) {
    ++generation_;
    drop_all();
    untold_.clear();
    options_.mesh.link.self = self;
    mesh_ = std::make_unique<Mesh>(options_.mesh);
    last_why_.clear();
    arm();
  }

  void set_peers(std::vector<PeerAddress> peers) {
    mesh_->set_peers(now(), std::move(peers));
    soon();
  }
  bool send(const HostLife& to, std::string bytes, Urgency urgency) {
    const bool taken = mesh_->send(now(), to, std::move(bytes), urgency);
    soon();
    return taken;
  }
  void flush() {
    if (!posted_ || carrying_ || events_ == nullptr) return;
    const auto self = shared_from_this();
    carrying_ = true;
    move_bytes();
    carrying_ = false;
  }
  void cut(const HostLife& peer) {
    mesh_->cut(now(), peer);
    soon();
  }

  const Address& address() const { return address_; }
  bool encrypted() const { return tls_ != nullptr; }
  const Mesh& mesh() const { return *mesh_; }

 private:
  using Connections = std::map<ConnectionId, std::shared_ptr<PeerConnection>>;

  static Instant now() { return read_clock().mono; }

  // --- carrying out ---
  void soon() {
    if (posted_ || carrying_) return;
    if (!mesh_->has_output()) return arm();
    posted_ = true;
    loop_.post([weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self) return;
      self->posted_ = false;
      self->carry_out();
    });
  }

  void carry_out() {
    if (carrying_ || events_ == nullptr) return;
    const auto self = shared_from_this();  // an event may destroy the service
    carrying_ = true;
    while (events_ != nullptr && (mesh_->has_output() || !untold_.empty())) {
      move_bytes();
      const uint64_t generation = generation_;
      for (MeshEvent& event : std::exchange(untold_, {})) {
        if (generation != generation_) break;  // of a life that is over
        tell(event);
      }
    }
    carrying_ = false;
    if (events_ != nullptr) arm();
  }

  // All that the mesh wants but what there is to tell, which is kept for carry_out().
  void move_bytes() {
    MeshOutput out = mesh_->take_output();
    for (const DialOrder& order : out.dials) dial(order);
    for (const ConnectionId id : out.writable) write(id);
    for (const CloseOrder& order : out.closes) hang_up(order);
    std::move(out.events.begin(), out.events.end(), std::back_inserter(untold_));
  }

  void arm() {
    const Instant at = mesh_->next_deadline();
    if (at == armed_for_ && timer_.pending()) return;
    armed_for_ = at;
    if (at == kNever) return timer_.cancel();
    timer_.call_after(at - now(), [this] {
      mesh_->tick(now());
      carry_out();
    });
  }

  void tell(MeshEvent& event) {
    if (const auto* up = std::get_if<PeerUp>(&event)) {
      last_why_.erase(up->peer);
      log_.write(Severity::kDebug, "peer-up", {{"host", to_text(up->peer)}});
      events_->on_peer_up(up->peer);
    } else if (const auto* down = std::get_if<PeerDown>(&event)) {
      log_.write(Severity::kDebug, "peer-down", {{"host", to_text(down->peer)}});
      events_->on_peer_down(down->peer);
    } else if (const auto* message = std::get_if<PeerBytes>(&event)) {
      events_->on_peer_message(message->from, message->bytes);
    } else if (const auto* room = std::get_if<PeerWritable>(&event)) {
      events_->on_peer_writable(room->peer, room->urgency);
    } else if (const auto* failed = std::get_if<PeerFailed>(&event)) {
      note_failure(*failed);
    }
  }

  // Tries go on for ever, so the same reason is told once.
  void note_failure(const PeerFailed& failed) {
    const bool warn = failed.refusal && is_mistake(*failed.refusal);
    const Severity severity = warn ? Severity::kWarn : Severity::kDebug;
    if (failed.peer.empty() || !mesh_->knows(failed.peer)) {
      ++strangers_;
      if (now() < strangers_told_ + kStrangersToldEvery) return;
      strangers_told_ = now();
      log_.write(severity, "peer-stranger-refused",
                 {{"why", failed.why}, {"count", std::to_string(std::exchange(strangers_, 0))}});
      return;
    }
    std::string& last = last_why_[failed.peer];
    if (last == failed.why) return;
    last = failed.why;
    log_.write(severity, failed.by_peer ? "peer-refuses" : "peer-not-linked",
               {{"host", to_text(failed.peer)}, {"why", failed.why}});
  }

  // --- connections ---
  void dial(const DialOrder& order) {
    const auto parsed = parse_address(order.address);
    const auto at = parsed ? ip_port(*parsed) : std::nullopt;
    if (!at) return mesh_->closed(now(), order.id, "its address is no literal HOST:PORT");
    if (!tls_ && !options_.insecure && !is_loopback(parsed->host)) {
      return mesh_->closed(now(), order.id, "beyond loopback only TLS is spoken");
    }
    Dialed dialed = dial_tcp(*at);
    if (!dialed.fd.valid()) return mesh_->closed(now(), order.id, std::strerror(dialed.error));
    add(order.id, std::move(dialed.fd), true);
  }

  void add(ConnectionId id, Fd fd, bool dialled) {
    std::unique_ptr<Transport> transport;
    if (!tls_) {
      transport = make_plain_transport(std::move(fd));
    } else {
      transport = dialled ? tls_->dial(std::move(fd)) : tls_->accept(std::move(fd));
    }
    if (transport == nullptr) return mesh_->closed(now(), id, "out of memory");
    const auto made = std::make_shared<PeerConnection>(
        loop_, static_cast<PeerConnectionOwner&>(*this), id, std::move(transport), tls_ != nullptr);
    connections_[id] = made;
    made->start(dialled);
  }

  void write(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    const auto kept = found->second;
    kept->write();
  }

  void hang_up(const CloseOrder& order) {
    const auto found = connections_.find(order.id);
    if (found == connections_.end()) return;
    found->second->hang_up(order.last);
    drop(order.id);
  }

  // Destroyed in a later turn: one of its own calls may be on the stack.
  void drop(ConnectionId id) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) return;
    loop_.post([gone = std::move(found->second)] {});
    connections_.erase(found);
  }
  void drop_all() {
    for (auto& [id, connection] : connections_) {
      connection->hang_up({});
      loop_.post([gone = std::move(connection)] {});
    }
    connections_.clear();
  }

  // Whether it is one of this life's: ids begin anew with each.
  bool current(const PeerConnection& connection) const {
    const auto found = connections_.find(connection.id());
    return found != connections_.end() && found->second.get() == &connection;
  }

  void on_open(PeerConnection& connection, std::optional<std::vector<std::string>> names) override {
    if (current(connection)) mesh_->ready(now(), connection.id(), std::move(names));
  }
  void on_bytes(PeerConnection& connection, std::string_view bytes) override {
    if (!current(connection)) return;
    mesh_->received(now(), connection.id(), bytes);
    // At once, so that a large read does not pile up.
    carry_out();
  }
  void fill(PeerConnection& connection, std::string& into) override {
    if (current(connection)) mesh_->take_bytes(now(), connection.id(), kWriteAtOnce, into);
  }
  void on_lost(PeerConnection& connection, std::string_view why) override {
    if (!current(connection)) return;
    const ConnectionId id = connection.id();
    drop(id);
    mesh_->closed(now(), id, why);
    soon();
  }
  void on_turn_end() override { carry_out(); }
  std::span<char> room() override { return room_; }

  // --- accepting ---
  void on_writable() override {}
  void on_readable() override {
    for (int i = 0; i < kAcceptsPerTurn; ++i) {
      Accepted accepted = accept_tcp(listener_.get());
      if (accepted.fd.valid()) {
        add(mesh_->accepted(now()), std::move(accepted.fd), false);
        continue;
      }
      if (accepted.error == EAGAIN || accepted.error == EWOULDBLOCK) break;
      const bool exhausted = accepted.error == EMFILE || accepted.error == ENFILE ||
                             accepted.error == ENOBUFS || accepted.error == ENOMEM;
      if (!exhausted) continue;  // that connection is gone before it was taken
      return accept_again_.call_after(kAcceptAgain, [this] { on_readable(); });
    }
    waiter_->wait_readable();
    carry_out();
  }

  EventLoop& loop_;
  const Log& log_;
  Address address_;
  PeerOptions options_;
  std::shared_ptr<TlsContext> tls_;  // null: plain
  PeerEvents* events_;               // null: stopped
  std::unique_ptr<Mesh> mesh_;
  std::vector<MeshEvent> untold_;
  Connections connections_;
  std::map<HostLife, std::string> last_why_;
  uint64_t strangers_ = 0;
  Instant strangers_told_{0};
  uint64_t generation_ = 0;
  bool posted_ = false;
  bool carrying_ = false;
  Instant armed_for_ = kNever;
  std::array<char, kRoom> room_{};
  Timer timer_;
  Timer accept_again_;
  Fd listener_;
  std::optional<FdWaiter> waiter_;  // last: it goes before the descriptor
};

class Face final : public PeerService {
 public:
  explicit Face(std::shared_ptr<Service> service) : service_(std::move(service)) {}
  ~Face() override { service_->stop(); }

  void set_peers(std::vector<PeerAddress> peers) override { service_->set_peers(std::move(peers)); }
  bool send(const HostLife& to, std::string bytes, Urgency urgency) override {
    return service_->send(to, std::move(bytes), urgency);
  }
  void flush() override { service_->flush(); }
  void cut(const HostLife& peer) override { service_->cut(peer); }
  void begin_life(const HostLife& self) override { service_->begin_life(self); }
  const Address& address() const override { return service_->address(); }
  bool encrypted() const override { return service_->encrypted(); }
  const Mesh& mesh() const override { return service_->mesh(); }

 private:
  std::shared_ptr<Service> service_;
};

}  // namespace

Result<PeerPort> bind_peer(const std::string& listen, bool port_given) {
  auto address = parse_address(listen);
  if (!address) return tl::unexpected<Error>(address.error());
  PeerPort port;
  auto listener = listen_tcp(*address);
  if (!listener && listener.error().kind == ErrorKind::kConflict && !port_given) {
    port.taken = listener.error().detail;
    address->port = 0;
    listener = listen_tcp(*address);
  }
  if (!listener) return tl::unexpected<Error>(listener.error());
  port.listener = std::move(*listener);
  port.address = local_address(port.listener.get());
  return port;
}

Result<std::unique_ptr<PeerService>> PeerService::make(EventLoop& loop, const Log& log,
                                                       PeerPort port, PeerOptions options,
                                                       PeerEvents& events) {
  std::shared_ptr<TlsContext> tls;
  const bool files =
      !options.tls_cert.empty() && !options.tls_key.empty() && !options.tls_ca.empty();
  if (!is_loopback(port.address.host)) {
    if (!files && !options.insecure) {
      return fail(ErrorKind::kInvalidRequest,
                  "--peer " + to_string(port.address) +
                      " is beyond loopback, where hosts speak mutual TLS: give --tls-cert, "
                      "--tls-key and --tls-ca, or --insecure to go without");
    }
    if (files) {
      auto loaded = TlsContext::load(
          {.certificate = options.tls_cert, .key = options.tls_key, .client_ca = options.tls_ca});
      if (!loaded) return tl::unexpected<Error>(loaded.error());
      tls = std::move(*loaded);
    }
  }
  return std::make_unique<Face>(std::make_shared<Service>(
      loop, log, std::move(port), std::move(options), std::move(tls), events));
}

}  // namespace phoenix::peer
