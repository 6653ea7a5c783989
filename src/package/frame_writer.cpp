#include "package/frame_writer.h"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>
#include <zstd.h>

#include "base/error.h"
#include "crypto/digest.h"
#include "package/chunk_index.h"

namespace cutover {
namespace {

struct FreeContext {
    void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};

struct Job {
    std::vector<std::byte> content;
    std::vector<std::byte> frame;
    std::uint32_t content_bytes = 0;
    Digest content_digest;
    Digest frame_digest;
    bool taken = false;
    bool done = false;
};

void work_on(Job& job, ZSTD_CCtx* context) {
    job.content_digest = sha256(job.content);
    job.content_bytes = static_cast<std::uint32_t>(job.content.size());
    job.frame.resize(ZSTD_compressBound(job.content.size()));
    const auto size = ZSTD_compress2(context, job.frame.data(), job.frame.size(),
                                     job.content.data(), job.content.size());
    CUTOVER_CHECK(ZSTD_isError(size) == 0);  // the buffer is long enough for any content
    job.frame.resize(size);
    job.frame.shrink_to_fit();
    job.content = {};
    job.frame_digest = sha256(job.frame);
}

}  // namespace

struct FrameWriter::Pool {
    std::mutex mutex;
    std::condition_variable_any changed;
    std::deque<std::unique_ptr<Job>> jobs;  // in the order of the payload
    ChunkIndexWriter index;
    std::size_t most_jobs = 0;
    std::vector<std::jthread> threads;  // last: they stop before the rest is destroyed

    void run(const std::stop_token& stop, int level) {
        const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
        CUTOVER_CHECK(context != nullptr);
        ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
        std::unique_lock lock(mutex);
        for (;;) {
            Job* job = nullptr;
            const bool found = changed.wait(lock, stop, [&] {
                const auto open =
                    std::ranges::find_if(jobs, [](const auto& j) { return !j->taken; });
                job = open == jobs.end() ? nullptr : open->get();
                return job != nullptr;
            });
            if (!found) return;
            job->taken = true;
            lock.unlock();
            work_on(*job, context.get());
            lock.lock();
            job->done = true;
            changed.notify_all();
        }
    }
};

FrameWriter::FrameWriter(const Options& options, Sink sink)
    : pool_(std::make_unique<Pool>()), sink_(std::move(sink)) {
    const auto threads =
        options.threads > 0 ? options.threads : std::max(1U, std::thread::hardware_concurrency());
    pool_->most_jobs = std::size_t{4} * threads;
    for (unsigned i = 0; i < threads; ++i)
        pool_->threads.emplace_back([pool = pool_.get(), level = options.level](
                                        const std::stop_token& stop) { pool->run(stop, level); });
}

FrameWriter::~FrameWriter() = default;

const ChunkIndexWriter& FrameWriter::index() const { return pool_->index; }

// Waits for the first job and writes its frame.
Result<> FrameWriter::write_front() {
    std::unique_ptr<Job> job;
    {
        std::unique_lock lock(pool_->mutex);
        pool_->changed.wait(lock, [&] { return pool_->jobs.front()->done; });
        job = std::move(pool_->jobs.front());
        pool_->jobs.pop_front();
    }
    pool_->index.add(job->content_digest, job->content_bytes, job->frame_digest,
                     static_cast<std::uint32_t>(job->frame.size()));
    return sink_(job->frame);
}

Result<> FrameWriter::add(std::vector<std::byte> chunk) {
    auto job = std::make_unique<Job>();
    job->content = std::move(chunk);
    std::size_t jobs = 0;
    {
        const std::scoped_lock lock(pool_->mutex);
        pool_->jobs.push_back(std::move(job));
        jobs = pool_->jobs.size();
    }
    pool_->changed.notify_all();
    if (jobs > pool_->most_jobs) TRY(write_front());
    return {};
}

Result<> FrameWriter::finish() {
    while (!pool_->jobs.empty()) TRY(write_front());  // only this thread adds and removes
    return {};
}

}  // namespace cutover
