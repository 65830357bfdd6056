#include "api/routes/delivery_stream.h"

#include <deque>
#include <memory>

#include "api/codec/encode.h"
#include "api/routes/answers.h"

namespace phoenix {
namespace {

constexpr Duration kCommentEvery = seconds(10);
constexpr size_t kMaxQueued = 1024;  // portions whose contents are still being read

// One open stream. Owned by the callbacks of its HttpStream, its timer and its reads; portions
// leave in the order in which they came, each when its contents are there.
class DeliveryStream final : public MovableStream,
                             public std::enable_shared_from_this<DeliveryStream> {
 public:
  // `gateway`: see RestCall.
  DeliveryStream(Services& services, std::string_view gateway)
      : services_(services),
        host_(services.host),
        comment_(services.host.loop()),
        gateway_(gateway) {}

  void set_id(RequestId id) { id_ = id; }

  void open(std::shared_ptr<HttpStream> stream) {
    stream_ = std::move(stream);
    stream_->on_closed([self = shared_from_this()](bool by_peer) { self->closed(by_peer); });
    services_.streams.insert(this);
    arm();
    send_next();
    move_away();
  }

  // It has no id, so it acknowledges nothing.
  void move_away() override {
    const auto url = services_.move_to();
    if (!url || over_) return;
    std::string text = "event: move\ndata: ";
    json::Writer writer(text);
    writer.begin_object();
    writer.field("moveTo", gateway_.empty() ? *url : gateway_);
    writer.end_object();
    stream_->write(text + "\n\n");
  }

  void take(const StreamPortion& portion) {
    if (over_) return;
    if (queue_.size() >= kMaxQueued) return close();  // it may come back with its last id
    queue_.push_back(portion);
    if (queue_.size() == 1) send_next();
  }

 private:
  void arm() {
    comment_.call_after(kCommentEvery, [weak = weak_from_this()] {
      const auto self = weak.lock();
      if (!self || self->over_) return;
      if (self->stream_->write(": alive\n\n")) self->arm();
    });
  }

  void send_next() {
    if (stream_ == nullptr || queue_.empty() || over_ || reading_) return;
    std::vector<PacketPtr> heads;
    for (const auto& delivery : queue_.front().portion.deliveries) {
      heads.push_back(delivery.packet.head);
    }
    if (heads.empty()) return send({});
    reading_ = true;
    host_.contents(std::move(heads), kDeliveryContents,
                   [self = shared_from_this()](Result<std::vector<Contents>> contents) {
                     self->reading_ = false;
                     if (self->over_) return;
                     if (!contents) return self->close();
                     self->send(*contents);
                   });
  }

  void send(const std::vector<Contents>& contents) {
    const StreamPortion portion = std::move(queue_.front());
    queue_.pop_front();
    std::string text = events_of(portion.portion, contents);
    if (!text.empty() && !stream_->write(std::move(text))) return;
    if (portion.end) return close();
    send_next();
  }

  // One event; the caller adds id and the empty line.
  template <class WriteFields>
  static void append_event(std::string& text, std::string_view name, const DeliveriesReply& portion,
                           WriteFields write_fields) {
    if (!text.empty()) text += '\n';
    text.append("event: ").append(name).append("\ndata: ");
    json::Writer writer(text);
    writer.begin_object();
    write_fields(writer);
    writer.field("next", portion.next);
    writer.number("run", portion.run);
    writer.number("leaseMs", portion.lease_ms);
    writer.end_object();
    text += '\n';
  }

  static std::string events_of(const DeliveriesReply& portion,
                               const std::vector<Contents>& contents) {
    std::string text;
    for (size_t i = 0; i < portion.deliveries.size(); ++i) {
      const Delivery& delivery = portion.deliveries[i];
      append_event(text, "delivery", portion, [&](json::Writer& writer) {
        writer.field("member", delivery.member);
        writer.number("epoch", delivery.epoch);
        writer.key("packet");
        write_delivered(writer, delivery.packet, contents[i]);
      });
    }
    for (const auto& entry : portion.revoked) {
      append_event(text, "revoked", portion, [&](json::Writer& writer) {
        writer.field("id", entry.id);
        writer.number("epoch", entry.epoch);
        writer.field("reason", revoke_reason_name(entry.reason));
      });
    }
    for (const Offered& offered : portion.offers) {
      append_event(text, "offer", portion,
                   [&](json::Writer& writer) { write_offer_fields(writer, offered); });
    }
    if (portion.drain) {
      append_event(text, "drain", portion,
                   [&](json::Writer& writer) { write_drain_fields(writer, *portion.drain); });
    }
    if (!text.empty()) text += "id: " + portion.next + "\n\n";
    return text;
  }

  void close() {
    if (stream_ != nullptr) stream_->close();
  }

  void closed(bool by_peer) {
    if (over_) return;
    over_ = true;
    comment_.cancel();
    queue_.clear();
    services_.streams.erase(this);
    // Who was sent away closes it because it was told to. Behind a gateway nobody knows which end
    // broke: the gateway's death must not start the grace of all its members.
    host_.stream_closed(id_, by_peer && !services_.move_to() && gateway_.empty());
    stream_.reset();
  }

  Services& services_;
  Host& host_;
  RequestId id_ = 0;
  std::shared_ptr<HttpStream> stream_;
  Timer comment_;
  const std::string gateway_;
  std::deque<StreamPortion> queue_;
  bool reading_ = false;
  bool over_ = false;
};

}  // namespace

void open_delivery_stream(const RestCallPtr& call, Caller caller, OpenStream command) {
  auto opened = std::make_shared<DeliveryStream>(call->services(), call->gateway());
  const RequestId id = call->send_stream(
      std::move(caller), std::move(command),
      [opened](const RestCallPtr& self, const ReplyBody& reply) {
        if (!std::holds_alternative<StreamOpened>(reply)) return self->fail(unexpected_reply());
        opened->open(self->stream());
      },
      [opened](const StreamPortion& portion) { opened->take(portion); });
  opened->set_id(id);
}

}  // namespace phoenix
