// The other side of bench/load/run: very many element managers in one process.
//
//     cutover_load_client ADDRESS UUID KEY=NUMBER...
//
// Works until its standard input ends, then prints what it has seen as one JSON object.
//   streams  StreamEvents clients, each with a connection of its own; begun anew when they break
//   rate     GetSoftwareVersion a second, sent whether those before have been answered or not
//   silent   StreamEvents clients that never read
//   resets   calls of StreamEvents a second, each cancelled at once
//   big      GetSoftwareVersion a second with a request of almost 16 MiB

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <grpc/grpc.h>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <poll.h>
#include <ratio>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <utility>
#include <vector>

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>
#include <grpcpp/support/client_callback.h>
#include <grpcpp/support/status.h>

#include "dmi/hw.pb.h"
#include "dmi/hw_events_mgmt_service.grpc.pb.h"
#include "dmi/hw_events_mgmt_service.pb.h"
#include "dmi/sw_management_service.grpc.pb.h"
#include "dmi/sw_management_service.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using Software = ::dmi::NativeSoftwareManagementService::Stub;
using Events = ::dmi::NativeEventsManagementService::Stub;

constexpr std::size_t kChannels = 8;  // that the calls of `rate` share
constexpr std::size_t kBigBytes = std::size_t{16} * 1000 * 1000;

std::shared_ptr<grpc::Channel> connect(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
    // Also the time that gRPC gives a connection: hundreds come at once after a restart.
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
    arguments.SetMaxSendMessageSize(-1);
    return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

// {"sequence":12,...}; -1 where there is none.
std::int64_t sequence_of(std::string_view info) {
    constexpr std::string_view kKey = "\"sequence\":";
    const auto at = info.find(kKey);
    if (at == std::string_view::npos) return -1;
    auto rest = info.substr(at + kKey.size());
    while (rest.starts_with(' ')) rest.remove_prefix(1);
    std::int64_t value = -1;
    std::from_chars(rest.data(), rest.data() + rest.size(), value);
    return value;
}

// One listener, over all its connections. A heartbeat of the device's life is the break.
class Stream final : public grpc::ClientReadReactor<::dmi::Event> {
public:
    Stream(const std::string& address, bool reads) : reads_(reads), stub_(connect(address)) {
        begin();
    }

    void OnReadDone(bool ok) override {
        if (!ok) return;
        const std::lock_guard lock(mutex_);
        ++messages_;
        if (const auto sequence = sequence_of(event_.add_info()); sequence >= 0)
            lives_.back().push_back(sequence);
        StartRead(&event_);
    }
    void OnDone(const grpc::Status& status) override {
        const std::lock_guard lock(mutex_);
        ++ends_[status.error_code()];
        over_ = true;
    }

    void begin_again_if_over() {
        {
            const std::lock_guard lock(mutex_);
            if (!over_ || closing_) return;
        }
        begin();
    }
    void close() {
        const std::lock_guard lock(mutex_);
        closing_ = true;
        context_->TryCancel();
    }
    bool over() const {
        const std::lock_guard lock(mutex_);
        return over_;
    }

    // Only when it is over.
    const std::vector<std::vector<std::int64_t>>& lives() const { return lives_; }
    const std::map<int, int>& ends() const { return ends_; }
    std::uint64_t messages() const { return messages_; }

private:
    void begin() {
        {
            const std::lock_guard lock(mutex_);
            over_ = false;
            context_ = std::make_unique<grpc::ClientContext>();
            lives_.emplace_back();
        }
        stub_.async()->StreamEvents(context_.get(), &nothing_, this);
        if (reads_) StartRead(&event_);
        StartCall();
    }

    const bool reads_;
    Events stub_;
    const google::protobuf::Empty nothing_;
    ::dmi::Event event_;
    mutable std::mutex mutex_;  // guards all below
    std::unique_ptr<grpc::ClientContext> context_;
    std::vector<std::vector<std::int64_t>> lives_;  // numbers of events, connection by connection
    std::map<int, int> ends_;
    std::uint64_t messages_ = 0;
    bool over_ = true;
    bool closing_ = false;
};

// Calls at a rate, whatever becomes of those before.
class Calls {
public:
    Calls(const std::string& address, std::string uuid) : uuid_(std::move(uuid)) {
        for (std::size_t i = 0; i < kChannels; ++i)
            stubs_.push_back(std::make_unique<Software>(connect(address)));
    }

    void send(Clock::time_point due) {
        struct Call {
            grpc::ClientContext context;
            ::dmi::HardwareID request;
            ::dmi::GetSoftwareVersionInformationResponse reply;
        };
        const auto call = std::make_shared<Call>();
        call->request.mutable_uuid()->set_uuid(uuid_);
        call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
        ++sent_;
        ++open_;
        stubs_[sent_ % stubs_.size()]->async()->GetSoftwareVersion(
            &call->context, &call->request, &call->reply,
            [this, call, due](const grpc::Status& status) {
                const std::chrono::duration<double, std::milli> took = Clock::now() - due;
                {
                    const std::lock_guard lock(mutex_);
                    if (status.ok())
                        took_ms_.push_back(took.count());
                    else
                        ++failed_[status.error_code()];
                }
                --open_;
            });
    }
    void wait() const {
        while (open_ > 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }

    std::uint64_t sent() const { return sent_; }
    std::vector<double>& took_ms() { return took_ms_; }
    const std::map<int, int>& failed() const { return failed_; }

private:
    std::string uuid_;
    std::vector<std::unique_ptr<Software>> stubs_;
    std::uint64_t sent_ = 0;
    std::atomic<int> open_ = 0;
    std::mutex mutex_;  // guards all below
    std::vector<double> took_ms_;
    std::map<int, int> failed_;
};

// Begins a stream and takes it back.
class Reset final : public grpc::ClientReadReactor<::dmi::Event> {
public:
    static void make(Events& stub, std::atomic<int>& open) { new Reset(stub, open); }
    void OnDone(const grpc::Status& /*status*/) override {
        --open_;
        delete this;
    }

private:
    Reset(Events& stub, std::atomic<int>& open) : open_(open) {
        ++open_;
        stub.async()->StreamEvents(&context_, &nothing_, this);
        AddHold();  // it may be over, and this be gone, as soon as it is begun
        StartRead(&event_);
        StartCall();
        context_.TryCancel();
        RemoveHold();
    }
    std::atomic<int>& open_;
    grpc::ClientContext context_;
    google::protobuf::Empty nothing_;
    ::dmi::Event event_;
};

// Something that is due so often a second.
class Pace {
public:
    explicit Pace(int rate) : rate_(rate), begun_(Clock::now()) {}
    template <typename Act>
    void catch_up(Act&& act) {
        if (rate_ == 0) return;
        for (;;) {
            const auto due = begun_ + std::chrono::nanoseconds(done_ * 1'000'000'000 / rate_);
            if (due > Clock::now()) return;
            act(due);
            ++done_;
        }
    }
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begun_).count(); }

private:
    std::int64_t rate_;
    std::int64_t done_ = 0;
    Clock::time_point begun_;
};

double quantile(const std::vector<double>& sorted, double share) {
    if (sorted.empty()) return 0;
    const auto at = static_cast<std::size_t>(share * static_cast<double>(sorted.size()));
    return sorted[std::min(at, sorted.size() - 1)];
}

std::string json(const std::map<int, int>& counts) {
    std::vector<std::string> parts;
    parts.reserve(counts.size());
    for (const auto& [code, count] : counts) parts.push_back(fmt::format("\"{}\":{}", code, count));
    return fmt::format("{{{}}}", fmt::join(parts, ","));
}

// The numbers that each listener has, connection by connection: they differ where one has missed
// something, and a gap in one is something that all have missed.
std::string json(const std::vector<std::unique_ptr<Stream>>& streams) {
    std::vector<std::string> listeners;
    std::map<int, int> ends;
    std::uint64_t messages = 0;
    for (const auto& stream : streams) {
        std::vector<std::string> lives;
        for (const auto& life : stream->lives())
            if (!life.empty()) lives.push_back(fmt::format("[{}]", fmt::join(life, ",")));
        listeners.push_back(fmt::format("[{}]", fmt::join(lives, ",")));
        for (const auto& [code, count] : stream->ends()) ends[code] += count;
        messages += stream->messages();
    }
    return fmt::format("\"listeners\":[{}],\"messages\":{},\"ends\":{}", fmt::join(listeners, ","),
                       messages, json(ends));
}

bool input_ended() {
    pollfd event{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
    return ::poll(&event, 1, 0) > 0;
}

int run(const std::string& address, const std::string& uuid, std::map<std::string, int> wanted) {
    std::vector<std::unique_ptr<Stream>> streams;
    for (int i = 0; i < wanted["streams"] + wanted["silent"]; ++i)
        streams.push_back(std::make_unique<Stream>(address, i < wanted["streams"]));
    Calls calls(address, uuid);
    Calls big(address, std::string(wanted["big"] > 0 ? kBigBytes : 0, 'x'));
    Events to_reset(connect(address));
    std::atomic<int> resets_open = 0;
    std::uint64_t resets = 0;

    Pace call_pace(wanted["rate"]);
    Pace big_pace(wanted["big"]);
    Pace reset_pace(wanted["resets"]);
    Pace look(5);
    std::cout << "{\"ready\":true}\n" << std::flush;
    while (!input_ended()) {
        call_pace.catch_up([&](Clock::time_point due) { calls.send(due); });
        big_pace.catch_up([&](Clock::time_point due) { big.send(due); });
        reset_pace.catch_up([&](Clock::time_point) {
            constexpr int kMostOpen = 1000;  // of our own memory
            if (resets_open < kMostOpen) {
                Reset::make(to_reset, resets_open);
                ++resets;
            }
        });
        look.catch_up([&](Clock::time_point) {
            for (const auto& stream : streams) stream->begin_again_if_over();
        });
        std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
    const auto seconds = call_pace.seconds();
    calls.wait();
    big.wait();
    for (const auto& stream : streams) stream->close();
    for (const auto& stream : streams)
        while (!stream->over()) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    while (resets_open > 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));

    auto& took = calls.took_ms();
    std::ranges::sort(took);
    fmt::print(
        "{{\"seconds\":{:.2f},\"sent\":{},\"answered\":{},\"failed\":{},"
        "\"p50_ms\":{:.2f},\"p99_ms\":{:.2f},\"max_ms\":{:.2f},"
        "\"resets\":{},\"big_sent\":{},\"big_failed\":{},{}}}\n",
        seconds, calls.sent(), took.size(), json(calls.failed()), quantile(took, 0.5),
        quantile(took, 0.99), took.empty() ? 0 : took.back(), resets, big.sent(),
        json(big.failed()), json(streams));
    return 0;
}

}  // namespace

int main(int count, char** arguments) {
    if (count < 3) return 2;
    std::map<std::string, int> wanted;
    for (int i = 3; i < count; ++i) {
        const std::string_view word(arguments[i]);
        const auto equals = word.find('=');
        int value = 0;
        std::from_chars(word.data() + std::min(equals + 1, word.size()), word.data() + word.size(),
                        value);
        wanted[std::string(word.substr(0, equals))] = value;
    }
    return run(arguments[1], arguments[2], std::move(wanted));
}
